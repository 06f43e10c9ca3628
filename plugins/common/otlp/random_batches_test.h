#pragma once

#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "plugins/common/otlp/batch_of_test.h"
#include "plugins/common/otlp/request_checker.h"
#include "plugins/common/otlp/request_maker_test.h"

namespace tailrace::common::otlp::test {

/// Calls with so many random batches of a signal, as an input makes them: of checked requests,
/// without the records that it refuses.
template <class Call>
void for_random_batches(Signal signal, uint32_t seed, int count, Call call) {
  RequestMaker maker(seed);
  RequestChecker checker;
  for (int i = 0; i < count; ++i) {
    maker.make(signal);
    REQUIRE(checker.check(signal, maker.protobuf));
    std::vector<std::pair<Proto, uint32_t>> resources;
    for (const CheckedResource& resource : checker.resources()) {
      std::string kept;
      append_without_refused(signal, resource.message, kept);
      if (!kept.empty()) {
        resources.emplace_back(Proto(std::move(kept)), resource.records - resource.refused);
      }
    }
    OtlpBatchOf batch(signal, std::move(resources));
    call(batch.batch());
  }
}

/// Whether a resource message is still a good one; gives the number of its records.
inline uint64_t records_of(Signal signal, std::string_view resource) {
  RequestChecker checker;
  const std::string request = request_of_resources({Proto(std::string(resource))}).bytes();
  const Status status = checker.check(signal, request);
  INFO((status ? "" : status.error().message));
  REQUIRE(status);
  return checker.records();
}

}  // namespace tailrace::common::otlp::test
