#pragma once

#include <cstdint>
#include <string_view>

#include "codec/proto_reader.h"

namespace tailrace::common::otlp {

/// Calls for the content of every field of a message that is a message or a text and has this
/// number.
template <class Call>
void for_each_field(std::string_view message, uint32_t field, Call call) {
  codec::ProtoReader reader(message);
  while (reader.next()) {
    if (reader.field() == field) {
      call(reader.bytes());
    } else {
      reader.skip();
    }
  }
}

}  // namespace tailrace::common::otlp
