#include "net/credentials.h"

#include <algorithm>
#include <cstdint>

#include <fmt/format.h>

namespace tailrace::net {

namespace {

/// The option's own text, else what its file holds.
std::string text_or_file(const std::string& text, const std::string& path,
                         const WatchedFiles::Contents& files) {
  if (path.empty()) {
    return text;
  }
  const auto found = files.find(path);
  return found == files.end() ? std::string() : found->second;
}

}  // namespace

std::string base64(std::string_view bytes) {
  static constexpr char kDigits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t left = std::min<size_t>(bytes.size() - i, 3);
    uint32_t group = 0;
    for (size_t j = 0; j < 3; ++j) {
      group = group << 8 | (j < left ? static_cast<unsigned char>(bytes[i + j]) : 0);
    }
    for (size_t j = 0; j < 4; ++j) {
      text += j <= left ? kDigits[group >> (18 - 6 * j) & 63] : '=';
    }
  }
  return text;
}

std::string percent_encoded(std::string_view text) {
  std::string encoded;
  for (const unsigned char c : text) {
    const bool is_plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                          (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
    if (is_plain) {
      encoded += static_cast<char>(c);
    } else {
      encoded += fmt::format("%{:02X}", c);
    }
  }
  return encoded;
}

std::string basic_header_value(std::string_view user, std::string_view password) {
  return "Basic " + base64(fmt::format("{}:{}", user, password));
}

std::vector<std::string> files_of(const HttpClientConfig& config) {
  std::vector<std::string> files = {config.tls_config.ca_file, config.tls_config.cert_file,
                                    config.tls_config.key_file};
  if (config.basic_auth) {
    files.push_back(config.basic_auth->username_file);
    files.push_back(config.basic_auth->password_file);
  }
  if (config.authorization) {
    files.push_back(config.authorization->credentials_file);
  }
  for (const auto& [name, header] : config.http_headers) {
    files.insert(files.end(), header.files.begin(), header.files.end());
  }
  return files;
}

std::string authorization_value(const HttpClientConfig& config,
                                const WatchedFiles::Contents& files) {
  if (config.basic_auth) {
    const BasicAuth& auth = *config.basic_auth;
    // An option's text is taken as it is; a file ends in a line end that nobody means.
    const std::string user = auth.username_file.empty()
                                 ? auth.username
                                 : trimmed(text_or_file({}, auth.username_file, files));
    const std::string password = auth.password_file.empty()
                                     ? auth.password.text
                                     : trimmed(text_or_file({}, auth.password_file, files));
    return basic_header_value(user, password);
  }
  if (config.authorization) {
    const Authorization& auth = *config.authorization;
    const std::string credentials =
        trimmed(text_or_file(auth.credentials.text, auth.credentials_file, files));
    return fmt::format("{} {}", auth.type, credentials);
  }
  return {};
}

std::vector<std::string> header_values(const HttpHeaderValues& header,
                                       const WatchedFiles::Contents& files) {
  std::vector<std::string> out = header.values;
  out.insert(out.end(), header.secrets.begin(), header.secrets.end());
  for (const std::string& file : header.files) {
    out.push_back(trimmed(text_or_file({}, file, files)));
  }
  return out;
}

TlsMaterial tls_material(const TlsClientConfig& config, const WatchedFiles::Contents& files) {
  return {text_or_file(config.ca, config.ca_file, files),
          text_or_file(config.cert, config.cert_file, files),
          text_or_file(config.key.text, config.key_file, files)};
}

bool is_header_name(std::string_view name) {
  static constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";  // RFC 9110, 5.6.2: token
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           kMarks.find(c) != std::string_view::npos;
  });
}

bool is_header_value(std::string_view value) {
  return value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

}  // namespace tailrace::net
