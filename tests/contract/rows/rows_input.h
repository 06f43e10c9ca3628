#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tailrace/config_schema.h"
#include "tailrace/input.h"

#include "page.h"

namespace tailrace::contract {

struct RowsInputConfig {
  StringList urls;
  Duration every = std::chrono::seconds(1);
  uint32_t max_rows = 1000;
};
const Schema& rows_input_schema();

/// Fetches pages of rows. A page is accepted or refused as a whole: it is checked completely before
/// its first row is handed over, and skipped and counted when an output has no room for it. Nothing
/// waits for the answer and nothing can be fetched again, so there is no receipt.
///
/// Lane: a page's rows keep their order, so each URL belongs to one lane.
class RowsInput final : public Input {
 public:
  RowsInput(std::shared_ptr<const RowsInputConfig> config, InputContext& context,
            std::unique_ptr<Channel> channel);
  static Result<std::unique_ptr<Input>> make(std::shared_ptr<const RowsInputConfig> config,
                                             InputContext& context);

  void start() override;
  void stop() override;
  void on_credit() override {}  // the next page comes by the clock

 private:
  void fetch_all();
  void on_page(const CallResult& result);
  void refuse(size_t records, size_t bytes, const char* reason, const std::string& why);
  void hand_over();

  const std::shared_ptr<const RowsInputConfig> config_;
  InputContext& context_;
  const std::unique_ptr<Channel> channel_;
  std::vector<std::string> urls_;  // of this lane
  std::unique_ptr<Timer> timer_;
  std::vector<Row> rows_;  // of the page in work; reused
  size_t under_way_ = 0;
  bool stopped_ = false;
  Counter& accepted_pages_;
};

}  // namespace tailrace::contract
