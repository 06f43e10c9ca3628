#pragma once

#include <deque>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "tailrace/input.h"
#include "tailrace/labels.h"
#include "tailrace/plugin.h"

namespace tailrace::testkit {

struct LineInputConfig {
  StringList paths;
  uint32_t block = 4096;
};
const Schema& line_input_schema();

/// Reads files by lines: a tail without rotation, made to be seen through. Each file belongs to the
/// lane of its path's hash; its checkpoint is the offset below which every receipt is released.
class LineInput final : public Input {
 public:
  LineInput(std::shared_ptr<const LineInputConfig> config, InputContext& context);
  ~LineInput() override;

  void start() override;
  void stop() override;
  void on_credit() override { read_all(); }

 private:
  struct File;
  struct Unit;
  class UnitReceipt;
  void read_all();
  bool read_unit(File& file);
  void settle(File& file);

  const std::shared_ptr<const LineInputConfig> config_;
  InputContext& context_;
  std::list<File> files_;
  std::unique_ptr<Timer> timer_;
  bool stopped_ = false;
};

}  // namespace tailrace::testkit
