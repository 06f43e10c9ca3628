#include "testkit/line_input.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "tailrace/block.h"
#include "tailrace/check.h"
#include "tailrace/log_batch.h"

namespace tailrace::testkit {

namespace {

constexpr std::chrono::milliseconds kPoll{10};

/// FNV-1a: the same in every run.
uint64_t hash_of(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325ull;
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  }
  return hash;
}

}  // namespace

const Schema& line_input_schema() {
  static const Schema schema = Schema::of<LineInputConfig>({
      option("paths", &LineInputConfig::paths, "Which files.").required(),
      option("block", &LineInputConfig::block, "Bytes that are read at once.")
          .range("16", "262144"),
  });
  return schema;
}

/// A range that was read and is not settled yet.
struct LineInput::Unit {
  uint64_t end;
  bool released = false;
};

struct LineInput::File {
  std::string path;
  LabelsPtr labels;
  uint64_t position = 0;
  std::list<Unit> units;  // in the order of the file
};

class LineInput::UnitReceipt final : public Receipt {
 public:
  UnitReceipt(LineInput& input, File& file, Unit& unit)
      : Receipt(false, true), input_(input), file_(file), unit_(unit) {}

 private:
  void released(Outcome worst) noexcept override {
    // One release for each: the engine's half of the contract.
    TR_CHECK(!unit_.released);
    // After a loss that is our own will the file moves on; an abandoned unit is read again.
    if (worst != Outcome::abandoned) {
      unit_.released = true;
      input_.settle(file_);
    }
    delete this;
  }
  LineInput& input_;
  File& file_;
  Unit& unit_;
};

LineInput::LineInput(std::shared_ptr<const LineInputConfig> config, InputContext& context)
    : config_(std::move(config)), context_(context) {
  for (const std::string& path : config_->paths) {
    if (!context.lane().owns(hash_of(path))) {
      continue;
    }
    File& file = files_.emplace_back();
    file.path = path;
    const std::string name = std::filesystem::path(path).filename().string();
    const Label label{"file", name};
    file.labels = context.lane().labels().intern({&label, 1});
    for (const auto& [key, value] : context.checkpoints().at_start()) {
      if (key == path) {
        file.position = std::stoull(value);
      }
    }
  }
  timer_ = context.lane().timer([this] { read_all(); });
}

LineInput::~LineInput() = default;

void LineInput::start() {
  read_all();
}

void LineInput::stop() {
  stopped_ = true;
  timer_->stop();
}

void LineInput::read_all() {
  if (stopped_) {
    return;
  }
  // A unit of each file, then the others of the lane have their turn.
  bool more = false;
  for (File& file : files_) {
    if (!context_.feed().credit_to_read_on(config_->block)) {
      timer_->stop();  // on_credit comes
      return;
    }
    more = read_unit(file) || more;
  }
  if (more) {
    timer_->start(std::chrono::milliseconds(0));
  } else if (context_.once()) {
    context_.finished();
  } else {
    timer_->start(kPoll);
  }
}

bool LineInput::read_unit(File& file) {
  std::ifstream stream(file.path, std::ios::binary);
  std::string block(config_->block + kBlockPadding, '\0');
  stream.seekg(static_cast<std::streamoff>(file.position));
  stream.read(block.data(), config_->block);
  const std::string_view read(block.data(), static_cast<size_t>(stream.gcount()));
  const std::string_view lines = read.substr(0, read.rfind('\n') + 1);
  if (lines.empty()) {
    return false;
  }
  context_.feed().begin_unit();
  Arena& arena = context_.lane().arena();
  const auto count = static_cast<uint32_t>(std::ranges::count(lines, '\n'));
  LogBatch batch;
  batch.labels = file.labels.get();
  batch.timestamps = arena.array<int64_t>(count);
  batch.bodies = arena.array<std::string_view>(count);
  batch.source_bytes = arena.array<uint32_t>(count);
  for (size_t at = 0; at < lines.size(); ++batch.size) {
    const size_t end = lines.find('\n', at);
    batch.timestamps[batch.size] = static_cast<int64_t>(file.position + at);
    batch.bodies[batch.size] = lines.substr(at, end - at);
    batch.source_bytes[batch.size] = static_cast<uint32_t>(end + 1 - at);
    at = end + 1;
  }
  file.position += lines.size();
  Unit& unit = file.units.emplace_back(Unit{file.position});
  const ReceiptRef receipt(new UnitReceipt(*this, file, unit));
  batch.receipt = receipt.get();
  context_.feed().push(batch);
  return true;
}

void LineInput::settle(File& file) {
  bool moved = false;
  uint64_t position = 0;
  while (!file.units.empty() && file.units.front().released) {
    position = file.units.front().end;
    file.units.pop_front();
    moved = true;
  }
  if (moved) {
    context_.checkpoints().put(file.path, std::to_string(position));
  }
}

}  // namespace tailrace::testkit
