#include "plugins/common/prom/label_encoding.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "tailrace/metric_batch.h"

using tailrace::EncodedLabels;
using tailrace::Label;
using namespace tailrace::common::prom;

TEST_CASE("label_encoding: the labels of remote write 1.0's TimeSeries") {
  const std::vector<Label> labels{{"__name__", "up"}, {"job", "n"}};
  std::string encoded;
  encode_labels(encoded, labels);
  // By hand: 0a len {0a len name 12 len value}, twice.
  CHECK(encoded == std::string("\x0a\x0e\x0a\x08__name__\x12\x02up"
                               "\x0a\x08\x0a\x03job\x12\x01n"));
  std::vector<Label> read;
  for (const Label& label : EncodedLabels(encoded)) {
    read.push_back(label);
  }
  CHECK(read == labels);
}

TEST_CASE("label_encoding: long names and values") {
  const std::string name(200, 'n');
  const std::string value(1 << 20, 'v');
  const Label label{name, value};
  std::string encoded;
  encode_labels(encoded, {&label, 1});
  CHECK(encoded.size() == encoded_labels_size({&label, 1}));
  const EncodedLabels read(encoded);
  CHECK(*read.begin() == label);
  CHECK(++read.begin() == read.end());
}
