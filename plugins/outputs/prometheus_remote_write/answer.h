#pragma once

#include <cstdint>

#include "tailrace/output.h"

#include "plugins/common/prom/remote_write.h"

namespace tailrace::outputs::prometheus_remote_write {

struct AnswerContext {
  common::prom::WriteVersion version = common::prom::WriteVersion::v1;
  uint64_t records = 0;  ///< Of the sources.
  /// Samples and histograms in the request; many may come of one record, such as a data point of
  /// OTLP. Needed for a 400 in 2.0 only.
  uint64_t rows = 0;
  bool retry_on_429 = true;
  int64_t wall_ns = 0;
};

/// Reads a receiver's answer by the rules of the specification: 5xx and 429 are sent again, other
/// 4xx never. A 2.0 receiver says how much it has written; a success that does not is one of 1.0
/// that understood nothing, which is the same as 415.
///
/// A 400 gives up the request, which may hold samples of several targets or clients; some servers
/// (Prometheus, for 1.0) store nothing of it then. So the samples of each, those that are much
/// older than the others apart, are tried by themselves, once: these are other requests than the
/// one that was refused.
///
/// Source: remote write 1.0, "Retries & Backoff"; 2.0, "Required Written Response Headers",
///         "Partial Write"; wire-facts section 5.
Answer read_write_answer(const CallResult& result, const AnswerContext& context);

}  // namespace tailrace::outputs::prometheus_remote_write
