#pragma once

#include <cstdint>

#include "tailrace/output.h"

namespace tailrace::outputs::otlp {

struct AnswerContext {
  uint64_t records = 0;  ///< In the request.
  size_t parts = 0;      ///< From so many source units.
  int64_t wall_ns = 0;
};

/// Reads a server's answer over HTTP by the rules of the specification: 429, 502, 503 and 504, and
/// no answer at all, are tried again; everything else is final. A success may refuse some records,
/// and those never come again. Beyond the specification: 413 sends smaller bodies, 400 tries the
/// sources of a merged request one by one, once, and a web page is no success (some proxy wrote
/// it).
///
/// Source: OTLP specification, "OTLP/HTTP Response"; wire-facts section 6.
Answer read_http_answer(const CallResult& result, const AnswerContext& context);

/// The same over gRPC: CANCELLED, DEADLINE_EXCEEDED, ABORTED, OUT_OF_RANGE, UNAVAILABLE and
/// DATA_LOSS are tried again, RESOURCE_EXHAUSTED only with RetryInfo. Beyond the specification: a
/// message that is said to be too large is sent in smaller ones, INVALID_ARGUMENT tries the sources
/// of a merged request one by one, once.
///
/// Source: OTLP specification, "OTLP/gRPC Response"; wire-facts section 6.
Answer read_grpc_answer(const CallResult& result, const AnswerContext& context);

}  // namespace tailrace::outputs::otlp
