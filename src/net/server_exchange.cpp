#include "net/server_exchange.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "tailrace/block.h"
#include "tailrace/check.h"

#include "codec/header_text.h"

namespace tailrace::net {

namespace {

// A refused body of this size is cheaper to read than a new connection (and its handshake) is.
constexpr uint64_t kReadOnRefusal = 1024 * 1024;
// A chunked body shows only while it is read that it is too large. So much more of it is read (and
// kept nowhere), so that the client sees the 413: one whose connection just ends sends it again.
constexpr uint64_t kReadOnOverrun = 128 * 1024 * 1024;
constexpr size_t kFirstChunkedBytes = 64 * 1024;
constexpr size_t kMostHeaders = 8;  // of most requests
constexpr const char* kTooLarge = "the body is larger than what is accepted here\n";

std::optional<uint64_t> parse_length(std::string_view text) {
  uint64_t value = 0;
  if (text.empty() || text.size() > 19) {
    return std::nullopt;
  }
  for (const char c : text) {
    if (c < '0' || c > '9') {
      return std::nullopt;
    }
    value = value * 10 + static_cast<uint64_t>(c - '0');
  }
  return value;
}

}  // namespace

ServerExchange::ServerExchange(MHD_Connection* connection, const char* uri,
                               ResponseCache& responses, std::function<void()> on_resumed)
    : connection_(connection), responses_(responses), on_resumed_(std::move(on_resumed)) {
  const std::string_view text(uri);
  const size_t mark = text.find('?');
  head_.path = text.substr(0, mark);
  if (mark != std::string_view::npos) {
    head_.query = text.substr(mark + 1);
  }
}

bool ServerExchange::read_head(const char* method, const std::string& peer) {
  has_head_ = true;
  head_.method = method;
  head_.peer = peer;
  head_.headers.reserve(kMostHeaders);
  MHD_get_connection_values_n(
      connection_, MHD_HEADER_KIND,
      [](void* self, MHD_ValueKind, const char* name, size_t name_size, const char* value,
         size_t value_size) {
        static_cast<ServerExchange*>(self)->head_.headers.emplace_back(
            codec::lower_case({name, name_size}),
            value == nullptr ? std::string() : std::string(value, value_size));
        return MHD_YES;
      },
      this);
  std::optional<uint64_t> length;
  for (const auto& [name, value] : head_.headers) {
    if (name == "content-length") {
      const auto this_length = parse_length(value);
      if (!this_length || (length && *length != *this_length)) {
        refuse(400, "bad Content-Length\n");
        return false;
      }
      length = this_length;
    } else if (name == "transfer-encoding") {
      is_chunked_ = true;
      if (codec::lower_case(value) != "chunked") {
        refuse(501, "no Transfer-Encoding but chunked is understood\n");
        return false;
      }
    } else if (name == "expect") {
      expects_continue_ = codec::lower_case(value) == "100-continue";
    }
  }
  if (is_chunked_ && length) {
    // RFC 9112, 6.1: two lengths are how requests are smuggled past a proxy.
    refuse(400, "both Content-Length and Transfer-Encoding\n");
    return false;
  }
  head_.content_length = length;
  return true;
}

void ServerExchange::refuse(int status, const char* why) {
  reply(status, {{"Content-Type", "text/plain; charset=utf-8"}}, why);
}

bool ServerExchange::on_head(HttpHandler& handler, const char* method, const std::string& peer) {
  if (!read_head(method, peer)) {
    answered_early_ = true;
    handler.on_refused(
        {.status = status_, .peer = peer, .text = reply_body_.substr(0, reply_body_.find('\n'))});
    return send_reply(true);
  }
  known_to_handler_ = true;
  limit_ = handler.on_head(shared_from_this());
  growing_ = is_chunked_ ? dynamic_cast<GrowingBodyHandler*>(&handler) : nullptr;
  const uint64_t length = head_.content_length.value_or(0);
  if (!replied_ && length > limit_) {
    tell_too_large(handler, length);
    refuse(413, kTooLarge);
  }
  const bool has_body = is_chunked_ || length > 0;
  if (replied_) {
    const bool worth_reading = !expects_continue_ && !is_chunked_ && length <= kReadOnRefusal;
    if (!has_body || worth_reading) {
      return true;  // answered when all of the request was read; the connection stays usable
    }
    answered_early_ = true;
    return send_reply(true);
  }
  if (!is_chunked_) {
    body_ = Bytes(length + kBlockPadding);
  }
  return true;
}

bool ServerExchange::make_room(size_t more) {
  const uint64_t wanted = body_size_ + more;
  if (!is_chunked_) {
    return wanted + kBlockPadding <= body_.size();
  }
  if (wanted > limit_) {
    return false;
  }
  if (wanted + kBlockPadding > body_.size()) {
    const auto room_for = [&](uint64_t size) {
      return std::min(std::max(size, wanted), limit_) + kBlockPadding;
    };
    uint64_t room = room_for(std::max<uint64_t>(body_.size() * 2, kFirstChunkedBytes));
    if (growing_ != nullptr) {
      // A quarter at least: each byte is copied a few times only.
      room = growing_->on_growth(shared_from_this(), room_for(body_.size() / 4 * 5), room);
      if (room == 0) {
        return false;
      }
    }
    Bytes larger(room);
    if (body_size_ > 0) {
      std::memcpy(larger.data(), body_.data(), body_size_);
    }
    body_ = std::move(larger);
    if (growing_ != nullptr) {
      growing_->on_grown(shared_from_this(), room);
    }
  }
  return true;
}

void ServerExchange::tell_too_large(HttpHandler& handler, uint64_t bytes) {
  handler.on_refused(
      {.reason = ServerRefusal::Reason::too_large,
       .status = 413,
       .peer = head_.peer,
       .text = fmt::format("the body has {} bytes or more, and may have {}", bytes, limit_)});
}

void ServerExchange::give_up(HttpHandler& handler, std::chrono::nanoseconds after) {
  const bool awaits_body = known_to_handler_ && phase_ == Phase::receiving && !replied_;
  if (!awaits_body || too_large_ || std::exchange(given_up_, true)) {
    return;
  }
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(after);
  handler.on_refused({.reason = ServerRefusal::Reason::too_slow,
                      .peer = head_.peer,
                      .text = fmt::format("the body did not come in time: {} bytes in {} s",
                                          received_bytes_, seconds.count())});
}

bool ServerExchange::on_bytes(HttpHandler& handler, const char* bytes, size_t size) {
  received_bytes_ += size;
  if (replied_ || too_large_) {
    overrun_bytes_ += size;
    return overrun_bytes_ <= kReadOnOverrun;
  }
  if (!make_room(size)) {
    too_large_ = !replied_;
    if (too_large_) {
      tell_too_large(handler, received_bytes_);
    }
    body_ = Bytes();
    return true;
  }
  std::memcpy(body_.data() + body_size_, bytes, size);
  body_size_ += size;
  return true;
}

bool ServerExchange::on_whole(HttpHandler& handler, bool last_of_connection, bool suspend) {
  if (phase_ == Phase::receiving && !replied_) {
    if (too_large_) {
      refuse(413, kTooLarge);
    } else {
      if (body_.empty()) {
        body_ = Bytes(kBlockPadding);  // a chunked body without chunks
      }
      std::memset(body_.data() + body_size_, 0, kBlockPadding);
      phase_ = Phase::waiting_for_handler;
      handler.on_body(shared_from_this(), std::exchange(body_, Bytes()), body_size_);
    }
  }
  at_hand_ = !replied_ && !suspend;
  if (replied_) {
    return send_reply(last_of_connection);
  }
  if (suspend) {
    suspended_ = true;
    MHD_suspend_connection(connection_);
  }
  return true;
}

void ServerExchange::reply(int status, Headers headers, std::string body) {
  if (replied_) {
    return;
  }
  TR_ASSERT(status >= 200 && status <= 599);
  replied_ = true;
  if (connection_ == nullptr) {
    return;
  }
  status_ = status;
  reply_headers_ = std::move(headers);
  reply_body_ = std::move(body);
  body_ = Bytes();
  wake();
}

void ServerExchange::wake() {
  if (suspended_) {
    suspended_ = false;
    MHD_resume_connection(connection_);
    on_resumed_();
  } else if (at_hand_) {
    on_resumed_();
  }
}

bool ServerExchange::send_reply(bool close_connection) {
  phase_ = Phase::sending;
  // The text stays ours, and lives until the request is over.
  return responses_.answer(connection_, status_, reply_headers_, reply_body_, close_connection);
}

void ServerExchange::on_over(HttpHandler& handler) {
  connection_ = nullptr;
  suspended_ = false;
  at_hand_ = false;
  body_ = Bytes();
  if (known_to_handler_) {
    handler.on_end(shared_from_this());
  }
}

}  // namespace tailrace::net
