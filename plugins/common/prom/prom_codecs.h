#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tailrace/config_schema.h"

/// Option types that Prometheus writes in its own way.
namespace tailrace::common::prom {

/// A size as Prometheus writes them: `10MB` is 10 MiB.
struct PromSize {
  uint64_t bytes = 0;
  friend bool operator==(const PromSize&, const PromSize&) = default;
};
/// `512B`, `10MB`, `1.5GiB`, `1GB512MB`, `1024`. Null also when it does not fit into 63 bits.
/// Source: alecthomas/units, ParseBase2Bytes.
std::optional<PromSize> parse_prom_size(std::string_view text);

/// As in Prometheus's model.Duration: `1m30s`, `1d`, `0`; no fractions.
std::optional<Duration> parse_prom_duration(std::string_view text);
/// The same way back: `1m30s`; zero is `0s`.
std::string print_prom_duration(Duration duration);

/// In the order of their age. Names: PrometheusProto, PrometheusText0.0.4 …
enum class ScrapeProtocol : uint8_t {
  text_0_0_4,
  text_1_0_0,
  openmetrics_0_0_1,
  openmetrics_1_0_0,
  proto
};
std::string_view to_string(ScrapeProtocol protocol) noexcept;
using ScrapeProtocols = std::vector<ScrapeProtocol>;

}  // namespace tailrace::common::prom

namespace tailrace {

template <>
bool OptionCodec<common::prom::PromSize>::read(const ConfigValue&, common::prom::PromSize&,
                                               ConfigContext&);
template <>
std::string OptionCodec<common::prom::PromSize>::print(const common::prom::PromSize&);
template <>
OptionType OptionCodec<common::prom::PromSize>::type();

template <>
bool OptionCodec<common::prom::ScrapeProtocol>::read(const ConfigValue&,
                                                     common::prom::ScrapeProtocol&, ConfigContext&);
template <>
std::string OptionCodec<common::prom::ScrapeProtocol>::print(const common::prom::ScrapeProtocol&);
template <>
OptionType OptionCodec<common::prom::ScrapeProtocol>::type();

template <>
bool OptionCodec<common::prom::ScrapeProtocols>::read(const ConfigValue&,
                                                      common::prom::ScrapeProtocols&,
                                                      ConfigContext&);
template <>
std::string OptionCodec<common::prom::ScrapeProtocols>::print(const common::prom::ScrapeProtocols&);
template <>
OptionType OptionCodec<common::prom::ScrapeProtocols>::type();

}  // namespace tailrace
