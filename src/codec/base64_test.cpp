#include "codec/base64.h"

#include <string>

#include <doctest/doctest.h>

using namespace tailrace::codec;  // NOLINT(google-build-using-namespace): a test

namespace {

std::string decoded(std::string_view text) {
  std::string out(base64_decoded_bound(text.size()), '\0');
  size_t size = 0;
  if (!base64_decode(text, out.data(), size)) {
    return "none";
  }
  out.resize(size);
  return out;
}

}  // namespace

TEST_CASE("base64: RFC 4648's own examples, padded or not") {
  CHECK(decoded("").empty());
  CHECK(decoded("Zg==") == "f");
  CHECK(decoded("Zg") == "f");
  CHECK(decoded("Zm8=") == "fo");
  CHECK(decoded("Zm8") == "fo");
  CHECK(decoded("Zm9v") == "foo");
  CHECK(decoded("Zm9vYmFy") == "foobar");
}

TEST_CASE("base64: both alphabets") {
  CHECK(decoded("+/+/") == "\xfb\xff\xbf");
  CHECK(decoded("-_-_") == "\xfb\xff\xbf");
}

TEST_CASE("base64: what is none") {
  for (const char* text : {"Z", "Zm9vY", "Zm 9", "=", "====", "Z===", "Zm9v=", "Zm\n"}) {
    CAPTURE(text);
    CHECK(decoded(text) == "none");
  }
}

TEST_CASE("hex: digits of any case, in pairs") {
  char to[4];
  REQUIRE(hex_decode("00fFA9", to));
  CHECK(std::string_view(to, 3) == std::string_view("\x00\xff\xa9", 3));
  CHECK(hex_decode("", to));
  CHECK_FALSE(hex_decode("0", to));
  CHECK_FALSE(hex_decode("0g", to));
}
