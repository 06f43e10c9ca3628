#include "config/secret_filter.h"

namespace tailrace::config {
namespace {

// Shorter values protect nothing, and would be found in half of all words.
constexpr size_t kLeastSecret = 4;
// A piece this long is no chance any more.
constexpr size_t kTellingPiece = 8;

/// `outputs.loki` of `outputs.loki.basic_auth.password`.
std::string_view component_of(std::string_view path) {
  const size_t first = path.find('.');
  return first == std::string_view::npos ? path : path.substr(0, path.find('.', first + 1));
}

void replace_all(std::string& text, std::string_view what, std::string_view with) {
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at)) {
    text.replace(at, what.size(), with);
    at += with.size();
  }
}

bool shows_a_piece(std::string_view text, std::string_view secret) {
  for (size_t at = 0; at + kTellingPiece <= secret.size(); ++at) {
    if (text.find(secret.substr(at, kTellingPiece)) != std::string_view::npos) {
      return true;
    }
  }
  return false;
}

}  // namespace

SecretFilter::SecretFilter(const ConfigValue& root) {
  collect(root, "");
}

void SecretFilter::collect(const ConfigValue& value, const std::string& path) {
  if (value.secret && value.scalar.size() >= kLeastSecret) {
    secrets_.emplace_back(component_of(path), value.scalar);
  }
  for (const auto& item : value.items) {
    collect(item, path);
  }
  for (const auto& member : value.members) {
    collect(member.value, path.empty() ? member.key : path + "." + member.key);
  }
}

std::string SecretFilter::operator()(std::string_view path, std::string text) const {
  for (const auto& [component, secret] : secrets_) {
    if (component != component_of(path)) {
      continue;
    }
    replace_all(text, secret, "<secret>");
    if (shows_a_piece(text, secret)) {
      return "is not accepted; why is not shown, since that would show what a ${…} stands for";
    }
  }
  return text;
}

}  // namespace tailrace::config
