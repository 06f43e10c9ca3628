#include "testkit/line_plugins.h"

#include <fstream>
#include <sstream>

#include "tailrace/block.h"
#include "tailrace/log_batch.h"
#include "tailrace/plugin.h"

#include "testkit/line_input.h"
#include "testkit/word_output.h"

namespace tailrace::testkit {

namespace {

constexpr Signal kLogs[] = {Signal::logs};

struct KeepConfig {
  std::string containing;
};

const Schema& keep_schema() {
  static const Schema schema = Schema::of<KeepConfig>({
      option("containing", &KeepConfig::containing, "What a line must contain.").required(),
  });
  return schema;
}

class Keep final : public Processor {
 public:
  Keep(std::shared_ptr<const KeepConfig> config, ProcessorContext&) : config_(std::move(config)) {}
  void process(Batch& any, Next& next) noexcept override {
    auto& batch = *batch_cast<LogBatch>(any);
    Weight gone;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < batch.size; ++i) {
      if (batch.bodies[i].find(config_->containing) == std::string_view::npos) {
        gone += batch.record_weight(i);
      } else {
        batch.move_record(i, kept++);
      }
    }
    batch.size = kept;
    if (gone != Weight{}) {
      next.filtered(gone);
    }
    if (kept > 0) {
      next.push(batch);
    }
  }

 private:
  std::shared_ptr<const KeepConfig> config_;
};

struct SuffixConfig {
  std::string text;
};

const Schema& suffix_schema() {
  static const Schema schema = Schema::of<SuffixConfig>({
      option("text", &SuffixConfig::text, "What is appended.").required(),
  });
  return schema;
}

class Suffix final : public Processor {
 public:
  Suffix(std::shared_ptr<const SuffixConfig> config, ProcessorContext& context)
      : config_(std::move(config)), arena_(context.lane().arena()) {}
  void process(Batch& any, Next& next) noexcept override {
    auto& batch = *batch_cast<LogBatch>(any);
    for (uint32_t i = 0; i < batch.size; ++i) {
      const std::string_view body = batch.bodies[i];
      char* at = arena_.array<char>(body.size() + config_->text.size() + kBlockPadding);
      std::copy(body.begin(), body.end(), at);
      std::copy(config_->text.begin(), config_->text.end(), at + body.size());
      batch.bodies[i] = {at, body.size() + config_->text.size()};
    }
    next.push(batch);
  }

 private:
  std::shared_ptr<const SuffixConfig> config_;
  Arena& arena_;
};

const Schema& word_output_schema() {
  static const Schema schema = Schema::of<WordOutputConfig>({
      option("url", &WordOutputConfig::url, "Where to."),
      option("tenant_label", &WordOutputConfig::tenant_label, "Label that names the tenant."),
  });
  return schema;
}

const PluginDescriptor kLines = define_input<LineInput, LineInputConfig>(
    {.name = "lines", .summary = "Files by lines.", .signals = kLogs}, line_input_schema);
const PluginDescriptor kKeep = define_processor<Keep, KeepConfig>(
    {.name = "keep", .summary = "Some lines.", .signals = kLogs}, keep_schema);
const PluginDescriptor kSuffix = define_processor<Suffix, SuffixConfig>(
    {.name = "suffix", .summary = "Longer lines.", .signals = kLogs}, suffix_schema);
const PluginDescriptor kWords = define_output<WordOutput, WordOutputConfig>(
    {.name = "words", .summary = "One line a row.", .signals = kLogs}, word_output_schema);

}  // namespace

config::PluginTable line_plugins() {
  static const PluginDescriptor* const table[] = {&kLines, &kKeep, &kSuffix, &kWords};
  return table;
}

std::vector<std::string> taken_lines(const FakeServer& server, const std::string& url) {
  std::vector<std::string> lines;
  for (const auto& seen : server.seen) {
    if (seen.url == url && seen.answered / 100 == 2) {
      std::istringstream body(seen.body);
      for (std::string line; std::getline(body, line);) {
        lines.push_back(line);
      }
    }
  }
  return lines;
}

void append_lines(const std::string& path, const std::vector<std::string>& lines) {
  std::ofstream file(path, std::ios::binary | std::ios::app);
  for (const std::string& line : lines) {
    file << line << '\n';
  }
}

std::vector<std::string> numbered(const std::string& prefix, int count, int first) {
  std::vector<std::string> lines;
  for (int i = first; i < first + count; ++i) {
    lines.push_back(prefix + std::to_string(i));
  }
  return lines;
}

}  // namespace tailrace::testkit
