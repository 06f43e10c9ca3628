#include "plugins/common/text/text_format.h"

#include "codec/json_text.h"
#include "codec/timestamp.h"
#include "codec/utf8.h"

namespace tailrace::common::text {

namespace {

constexpr int64_t kMillisecond = 1'000'000;
// Punctuation, time, severity and the names of JSON's fields.
constexpr size_t kFraming = 96;

MetaSpan metadata_of(const LogBatch& batch, uint32_t i) noexcept {
  return batch.metadata != nullptr ? batch.metadata[i] : MetaSpan{};
}

std::string_view severity_of(const LogBatch& batch, uint32_t i) noexcept {
  return batch.severities != nullptr ? to_string(batch.severities[i]) : std::string_view();
}

void append_time(int64_t ns, std::string& to) {
  char text[codec::kRfc3339Bytes];
  to.append(text, codec::format_rfc3339(ns, text));
}

/// Always three digits after the point, so that lines stay aligned.
void append_time_ms(int64_t ns, std::string& to) {
  const int64_t ms = ns / kMillisecond - (ns % kMillisecond < 0 ? 1 : 0);
  const int64_t fraction = (ms % 1000 + 1000) % 1000;
  append_time((ms - fraction) * kMillisecond, to);
  to.back() = '.';
  for (const int64_t unit : {100, 10, 1}) {
    to += static_cast<char>('0' + fraction / unit % 10);
  }
  to += 'Z';
}

/// Control characters are shown, not sent: a log line must not move the cursor, change a title or
/// paste into somebody's shell. Lines within the text are indented.
void append_shown(std::string_view text, std::string& to) {
  std::string repaired;
  if (!codec::valid_utf8(text)) {
    codec::append_valid_utf8(repaired, text);
    text = repaired;
  }
  constexpr char kHex[] = "0123456789abcdef";
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    if (byte == '\n') {
      to += "\n    ";
    } else if ((byte < 0x20 && byte != '\t') || byte == 0x7f) {
      to += "\\x";
      to += kHex[byte >> 4];
      to += kHex[byte & 15];
    } else if (byte == 0xc2 && static_cast<uint8_t>(text[i + 1]) < 0xa0) {
      // U+0080 to U+009F are control characters, too.
      to += "\\u00";
      to += kHex[static_cast<uint8_t>(text[i + 1]) >> 4];
      to += kHex[static_cast<uint8_t>(text[i + 1]) & 15];
      ++i;
    } else {
      to += text[i];
    }
  }
}

void append_shown_quoted(std::string_view text, std::string& to) {
  std::string quoted;
  codec::append_json_string(quoted, text);
  append_shown(quoted, to);
}

void append_human(std::string_view labels, const LogBatch& batch, uint32_t i, std::string& to) {
  append_time_ms(batch.timestamps[i], to);
  to += ' ';
  to += labels;
  if (const std::string_view severity = severity_of(batch, i); !severity.empty()) {
    to += ' ';
    to += severity;
  }
  const MetaSpan metadata = metadata_of(batch, i);
  for (uint32_t k = 0; k < metadata.count; ++k) {
    to += ' ';
    append_shown(metadata.pairs[k].name, to);
    to += '=';
    append_shown_quoted(metadata.pairs[k].value, to);
  }
  to += ' ';
  append_shown(batch.bodies[i], to);
  to += '\n';
}

void append_json(std::string_view labels, const LogBatch& batch, uint32_t i, std::string& to) {
  to += "{\"timestamp\":\"";
  append_time(batch.timestamps[i], to);
  to += "\",\"labels\":";
  to += labels;
  if (const std::string_view severity = severity_of(batch, i); !severity.empty()) {
    to += ",\"severity\":\"";
    to += severity;
    to += '"';
  }
  if (const MetaSpan metadata = metadata_of(batch, i); metadata.count > 0) {
    to += ",\"metadata\":{";
    for (uint32_t k = 0; k < metadata.count; ++k) {
      if (k > 0) {
        to += ',';
      }
      codec::append_json_string(to, metadata.pairs[k].name);
      to += ':';
      codec::append_json_string(to, metadata.pairs[k].value);
    }
    to += '}';
  }
  to += ",\"line\":";
  codec::append_json_string(to, batch.bodies[i]);
  to += "}\n";
}

}  // namespace

std::string labels_text(TextFormat format, const Labels& labels) {
  std::string text;
  if (format == TextFormat::raw) {
    return text;
  }
  text += '{';
  for (const Label& label : labels.pairs()) {
    if (text.size() > 1) {
      text += ',';
    }
    if (format == TextFormat::json) {
      codec::append_json_string(text, label.name);
      text += ':';
      codec::append_json_string(text, label.value);
    } else {
      append_shown(label.name, text);
      text += '=';
      append_shown_quoted(label.value, text);
    }
  }
  text += '}';
  return text;
}

void append_record(TextFormat format, std::string_view labels, const LogBatch& batch, uint32_t i,
                   std::string& to) {
  switch (format) {
    case TextFormat::human:
      append_human(labels, batch, i, to);
      return;
    case TextFormat::json:
      append_json(labels, batch, i, to);
      return;
    case TextFormat::raw:
      to += batch.bodies[i];
      to += '\n';
      return;
  }
}

size_t estimate_record(TextFormat format, std::string_view labels, const LogBatch& batch,
                       uint32_t i) noexcept {
  size_t bytes = batch.bodies[i].size() + 1;
  if (format != TextFormat::raw) {
    bytes += kFraming + labels.size();
    const MetaSpan metadata = metadata_of(batch, i);
    for (uint32_t k = 0; k < metadata.count; ++k) {
      bytes += metadata.pairs[k].name.size() + metadata.pairs[k].value.size() + 6;
    }
  }
  return bytes;
}

}  // namespace tailrace::common::text
