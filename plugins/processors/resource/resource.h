#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tailrace/otlp_batch.h"
#include "tailrace/processor.h"

#include "plugins/processors/resource/resource_config.h"

namespace tailrace::processors::resource {

/// Edits the attributes of OTLP's resources: renames, then drops, then adds.
///
/// Shape: only the Resource message and the lengths around it are written anew; every other byte
///        stays as it was, fields that we do not know among them. A resource that needs no change
///        stays as it is. Added attributes stand behind the others.
class ResourceProcessor final : public Processor {
 public:
  ResourceProcessor(std::shared_ptr<const ResourceConfig> config, ProcessorContext& context);
  void process(Batch& batch, Next& next) noexcept override;

 private:
  using Names = std::set<std::string, std::less<>>;

  std::string_view edited(std::string_view message);
  void find_names(std::string_view message);
  /// Appends the attributes of a Resource message as they are to be.
  void append_attributes(std::string_view resource, std::string& out);
  void append_attribute(std::string_view raw, std::string_view pair, std::string& out);
  void append_added(std::string& out);
  bool is_there(std::string_view name) const noexcept;

  const std::shared_ptr<const ResourceConfig> config_;
  Lane& lane_;
  const std::map<std::string, std::string, std::less<>> rename_;
  const Names drop_;
  /// Of add and upsert: the name, and the whole field of the attribute.
  struct Added {
    std::string name;
    std::string field;
    bool replaces;
  };
  std::vector<Added> added_;

  std::vector<std::string_view> names_;    // of the resource in work
  std::vector<std::string_view> renamed_;  // new names of its attributes
  std::string resource_;
  std::string message_;
};

}  // namespace tailrace::processors::resource
