#include "plugins/outputs/loki/stream_labels.h"

#include <map>
#include <vector>

#include "codec/hash.h"
#include "codec/proto_writer.h"
#include "codec/utf8.h"
#include "plugins/common/loki/entry_writer.h"
#include "plugins/common/loki/label_text.h"

namespace tailrace::outputs::loki {

namespace {

constexpr size_t kMaxTenant = 150;

std::string valid_text(std::string_view text) {
  std::string out;
  if (codec::valid_utf8(text)) {
    out = text;
  } else {
    codec::append_valid_utf8(out, text);
  }
  return out;
}

}  // namespace

std::string clean_tenant(std::string_view tenant) {
  std::string out(tenant.substr(0, kMaxTenant));
  for (char& c : out) {
    const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      std::string_view("!-_.*'()").find(c) != std::string_view::npos;
    if (!good) {
      c = '_';
    }
  }
  // Tenants become folder names.
  if (out == "." || out == "..") {
    out[0] = '_';
  }
  return out;
}

std::unique_ptr<StreamLabels> make_stream_labels(const Labels& labels, const LokiConfig& config) {
  auto stream = std::make_unique<StreamLabels>();
  stream->tenant = config.tenant;
  std::map<std::string, std::string> pairs;
  for (const Label& label : labels.pairs()) {
    if (!config.tenant_label.empty() && label.name == config.tenant_label) {
      stream->tenant = clean_tenant(label.value);
      continue;
    }
    // Two names can become one; the first in order wins, for Loki refuses a name that comes twice.
    pairs.try_emplace(tailrace::loki::legacy_label_name(label.name), valid_text(label.value));
  }
  for (const auto& [name, value] : config.labels) {
    pairs.try_emplace(name, value);
  }
  if (pairs.empty()) {
    // Loki takes no stream without labels. This is the one that it adds itself to a stream that
    // does not tell its service.
    pairs.emplace("service_name", "unknown_service");
  }

  std::vector<Label> sorted;
  for (const auto& [name, value] : pairs) {
    sorted.push_back({name, value});
  }
  std::string text;
  tailrace::loki::append_label_string(text, sorted);
  stream->field.resize(codec::bytes_field_size(tailrace::loki::kLabelsField, text.size()));
  codec::write_bytes_field(stream->field.data(), tailrace::loki::kLabelsField, text);
  stream->order_hash = codec::stable_hash(text);
  return stream;
}

}  // namespace tailrace::outputs::loki
