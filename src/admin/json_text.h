#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tailrace::admin {

/// Builds JSON text: objects and arrays are opened and closed by hand, commas come by themselves.
class JsonText {
 public:
  JsonText& open(char bracket) {
    separate();
    text_ += bracket;
    first_ = true;
    return *this;
  }
  JsonText& close(char bracket) {
    text_ += bracket;
    first_ = false;
    return *this;
  }
  JsonText& key(std::string_view name) {
    separate();
    quote(name);
    text_ += ':';
    first_ = true;  // no comma between a key and its value
    return *this;
  }
  JsonText& value(std::string_view text) {
    separate();
    quote(text);
    return *this;
  }
  JsonText& value(const char* text) { return value(std::string_view(text)); }
  JsonText& value(bool truth) { return raw(truth ? "true" : "false"); }
  JsonText& value(uint64_t number) { return raw(std::to_string(number)); }
  JsonText& value(double number);
  std::string take() { return std::move(text_); }

 private:
  JsonText& raw(std::string_view text) {
    separate();
    text_ += text;
    return *this;
  }
  void separate() {
    if (!first_) {
      text_ += ',';
    }
    first_ = false;
  }
  void quote(std::string_view text);

  std::string text_;
  bool first_ = true;
};

}  // namespace tailrace::admin
