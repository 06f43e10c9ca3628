#include <cstdio>
#include <cstdlib>

#include "tailrace/batch.h"
#include "tailrace/check.h"
#include "tailrace/log_batch.h"
#include "tailrace/metric_batch.h"
#include "tailrace/otlp_batch.h"
#include "tailrace/plugin.h"
#include "tailrace/result.h"

namespace tailrace {

const char* to_string(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::invalid:
      return "invalid";
    case ErrorCode::not_found:
      return "not_found";
    case ErrorCode::unsupported:
      return "unsupported";
    case ErrorCode::permission:
      return "permission";
    case ErrorCode::conflict:
      return "conflict";
    case ErrorCode::no_space:
      return "no_space";
    case ErrorCode::limit:
      return "limit";
    case ErrorCode::io:
      return "io";
    case ErrorCode::network:
      return "network";
    case ErrorCode::timeout:
      return "timeout";
    case ErrorCode::tls:
      return "tls";
    case ErrorCode::cancelled:
      return "cancelled";
    case ErrorCode::corrupt:
      return "corrupt";
    case ErrorCode::internal:
      return "internal";
  }
  return "unknown";
}

const char* to_string(Signal signal) noexcept {
  switch (signal) {
    case Signal::logs:
      return "logs";
    case Signal::metrics:
      return "metrics";
    case Signal::traces:
      return "traces";
  }
  return "unknown";
}

const char* to_string(ComponentKind kind) noexcept {
  switch (kind) {
    case ComponentKind::input:
      return "input";
    case ComponentKind::processor:
      return "processor";
    case ComponentKind::output:
      return "output";
    case ComponentKind::converter:
      return "converter";
  }
  return "unknown";
}

const BatchType* const kNativeForms[3] = {&LogBatch::kType, &MetricBatch::kType,
                                          &OtlpBatch::kTraces};
const BatchType kAnyForm{"any", Signal::logs};

namespace detail {
void check_failed(const char* expression, const char* file, int line) noexcept {
  std::fprintf(stderr, "tailrace: broken invariant at %s:%d: %s\n", file, line, expression);
  std::abort();
}
}  // namespace detail

}  // namespace tailrace
