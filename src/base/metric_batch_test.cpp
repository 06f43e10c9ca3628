#include "tailrace/metric_batch.h"

#include <algorithm>
#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace tailrace;

namespace {

std::string encoded(const std::vector<Label>& labels) {
  const auto text = [](char tag, std::string_view value) {
    std::string out(1, tag);
    for (size_t size = value.size(); true; size >>= 7) {
      out += static_cast<char>((size & 0x7f) | (size > 0x7f ? 0x80 : 0));
      if (size <= 0x7f) {
        break;
      }
    }
    return out.append(value);
  };
  std::string all;
  for (const Label& label : labels) {
    all += text('\x0a', text('\x0a', label.name) + text('\x12', label.value));
  }
  return all;
}

}  // namespace

TEST_CASE("EncodedLabels: gives back what was encoded") {
  const std::string longer(300, 'x');
  const std::vector<Label> labels = {{"__name__", "up"}, {"instance", longer}, {"job", "j"}};
  const std::string bytes = encoded(labels);
  std::vector<Label> read;
  for (const Label& label : EncodedLabels(bytes)) {
    read.push_back(label);
  }
  CHECK(read == labels);
  CHECK(EncodedLabels("").begin() == EncodedLabels("").end());
}

TEST_CASE("MetricBatch: pieces weigh what the whole weighs") {
  MetricBatch batch;
  batch.size = 7;
  batch.source_bytes = 1000;
  const auto sum_of_pieces = [&] {
    Weight sum;
    for (uint32_t i = 0; i < 7; i += 2) {
      sum += batch.weight_of(i, std::min(i + 2, 7U));
    }
    return sum;
  };
  CHECK(batch.weight() == Weight{7, 1000});
  CHECK(sum_of_pieces() == batch.weight());
  batch.source_records = 3;
  CHECK(batch.weight() == Weight{3, 1000});
  CHECK(sum_of_pieces() == batch.weight());
  CHECK(MetricBatch().weight_of(0, 0) == Weight{});
}

TEST_CASE("MetricBatch: a copy of the views has arrays of its own") {
  Arena arena;
  MetricSeries series;
  const MetricSeries* pointers[] = {&series, &series};
  int64_t timestamps[] = {1, 2};
  uint64_t values[] = {3, 4};
  MetricBatch batch;
  batch.size = 2;
  batch.series = pointers;
  batch.timestamps = timestamps;
  batch.values = values;
  auto* copy = static_cast<MetricBatch*>(batch.copy_views(arena));
  copy->values[0] = 9;
  CHECK(values[0] == 3);
  CHECK(copy->series[1] == &series);
  CHECK(copy->created == nullptr);
}

TEST_CASE("SeriesAttachments: one slot for each who keeps something") {
  struct Note final : LabelAttachment {};
  SeriesAttachments attachments;
  CHECK(attachments.get(3) == nullptr);
  attachments.set(3, std::make_unique<Note>());
  CHECK(attachments.get(3) != nullptr);
  CHECK(attachments.get(0) == nullptr);
}
