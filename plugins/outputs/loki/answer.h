#pragma once

#include <cstdint>

#include "tailrace/output.h"

namespace tailrace::outputs::loki {

/// What read_push_answer must know beside the answer itself.
struct AnswerContext {
  uint64_t records = 0;          ///< In the request.
  size_t parts = 0;              ///< From so many source units.
  bool several_tenants = false;  ///< Other tenants may fare better with this server.
  int64_t wall_ns = 0;
};

/// Reads Loki's answer to a push.
///
/// Loki validates entry by entry: a 400 that names an entry's fault means that the others are
/// stored, so it is never retried. Any other 400 may be the fault of one source's records (a
/// gateway's rule, a limit of another server): each source is tried by itself, once. What does not
/// look like Loki at all (a page in HTML, 404, a refused password) is a mistake of configuration
/// that somebody will mend: nothing is given up for it, the request waits.
///
/// Source: Loki pkg/distributor/http.go, distributor.go; wire-facts section 2, "Answers".
Answer read_push_answer(const CallResult& result, const AnswerContext& context);

}  // namespace tailrace::outputs::loki
