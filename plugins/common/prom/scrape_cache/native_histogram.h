#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tailrace/arena.h"
#include "tailrace/metric_batch.h"

namespace tailrace::common::prom {

/// Whether a Histogram message of the protobuf format is (also) a native one: it has spans or a
/// zero bucket.
/// Source: Prometheus model/textparse, isNativeHistogram.
bool is_native_histogram(std::string_view message) noexcept;

/// Reads the native part of a Histogram message. Empty buckets are left out, as Prometheus leaves
/// them out (Compact). Null: `error` says what is wrong with it.
///
/// Lifetime: the result and its arrays are in the arena.
/// Source:   io.prometheus.client.Histogram; Prometheus model/histogram, Validate.
NativeHistogram* read_native_histogram(std::string_view message, bool is_gauge, Arena& arena,
                                       std::string& error);

/// Buckets of both signs.
uint64_t bucket_count(const NativeHistogram& histogram) noexcept;
/// Halves the resolution until there are at most `limit` buckets (0: any number) and the schema is
/// at most `highest_schema`. False: there are too many even at the coarsest.
bool reduce_resolution(NativeHistogram& histogram, uint64_t limit, int32_t highest_schema,
                       Arena& arena);

/// The finest schema whose buckets grow by at least this factor.
/// Source: Prometheus scrape/scrape.go, pickSchema.
int32_t highest_schema_for(double min_bucket_factor) noexcept;

}  // namespace tailrace::common::prom
