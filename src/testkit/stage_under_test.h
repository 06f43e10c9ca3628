#pragma once

#include <memory>
#include <utility>

#include "tailrace/check.h"
#include "tailrace/plugin.h"

namespace tailrace::testkit {

/// A processor or a converter, whichever the plugin makes. `context` outlives it.
class StageUnderTest {
 public:
  StageUnderTest(const PluginDescriptor& plugin, std::shared_ptr<const void> options,
                 ProcessorContext& context) {
    if (plugin.kind == ComponentKind::processor) {
      auto made = plugin.make_processor(std::move(options), context);
      TR_CHECK(made.has_value());
      processor_ = std::move(*made);
    } else {
      auto made = plugin.make_converter(std::move(options), context);
      TR_CHECK(made.has_value());
      converter_ = std::move(*made);
    }
  }

  void run(Batch& batch, Next& next) noexcept {
    if (processor_ != nullptr) {
      processor_->process(batch, next);
    } else {
      converter_->convert(batch, next);
    }
  }

 private:
  std::unique_ptr<Processor> processor_;
  std::unique_ptr<Converter> converter_;
};

}  // namespace tailrace::testkit
