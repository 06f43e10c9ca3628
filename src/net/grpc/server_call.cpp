#include "net/grpc/server_call.h"

#include <utility>

#include <fmt/format.h>

namespace tailrace::net::core {

namespace {

constexpr const char* kTooSlow = "the message did not come in time";

}  // namespace

/// What the server's owner sees of a call that was read.
class ServerCall::Incoming final : public GrpcIncoming {
 public:
  Incoming(ServerCall& call, HttpRequestHead head)
      : call_(call), head_(std::move(head)), size_(call.message_.size()) {}
  ~Incoming() override {
    let_go();
    if (!replied_) {
      call_.send(grpc_code::kUnavailable, {}, "the server is shutting down");
    }
  }

  HttpRequestHead& head() noexcept override { return head_; }
  size_t message_size() const noexcept override { return size_; }
  void take_message(char* to) override {
    call_.message_.copy(to, size_);
    let_go();
  }
  void reply(int code, Headers trailers, std::string body) override {
    let_go();
    if (!std::exchange(replied_, true)) {
      call_.send(code, trailers, body);
    }
  }

 private:
  /// The answer takes the message's place afterwards.
  void let_go() {
    if (!std::exchange(let_go_, true)) {
      call_.message_.reset();
      call_.server_.release(size_);
    }
  }

  ServerCall& call_;
  HttpRequestHead head_;
  const size_t size_;
  bool let_go_ = false;  // of the message
  bool replied_ = false;
};

void ServerCall::expect() {
  grpc_call_details_init(&details_);
  if (grpc_server_request_call(server_.raw(), &call_, &details_, metadata_.get(), queue_, queue_,
                               &called_tag_) != GRPC_CALL_OK) {
    unref();
  }
}

ServerCall::~ServerCall() {
  grpc_call_details_destroy(&details_);
  grpc_slice_unref(text_);
  if (call_ != nullptr) {
    grpc_call_unref(call_);
  }
}

void ServerCall::unref() {
  if (references_.fetch_sub(1) == 1) {
    Server& server = server_;
    const bool counted = counted_;
    delete this;
    server.end_call(counted);
  }
}

void ServerCall::on_called(bool ok) {
  if (!ok) {
    unref();  // the server ends
    return;
  }
  server_.expect_call(queue_);
  watch_end();
  // Now, as gRPC no longer knows it of a call that was given up.
  char* peer = grpc_call_get_peer(call_);
  peer_ = peer_text(peer);
  gpr_free(peer);
  const std::string_view method = view_of(details_.method);
  if (!server_.serves(method)) {
    send(grpc_code::kUnimplemented, {}, "not served here: " + std::string(method.substr(0, 200)));
  } else if (counted_ = server_.count_call(); !counted_) {
    refuse(ServerRefusal::Reason::too_many_calls,
           fmt::format("{} calls are under way, and there may be no more; try again later",
                       server_.config().max_calls));
  } else {
    server_.want_message(*this);
  }
}

/// Asks to be told when the call is over, by whatever cause.
void ServerCall::watch_end() {
  grpc_op op{};
  op.op = GRPC_OP_RECV_CLOSE_ON_SERVER;
  op.data.recv_close_on_server.cancelled = &cancelled_;
  references_.fetch_add(1);
  if (grpc_call_start_batch(call_, &op, 1, &closed_tag_, nullptr) != GRPC_CALL_OK) {
    unref();
  }
}

void ServerCall::on_closed(bool) {
  // The answer is still owed, and is sent to nobody: a call that has ended is no reason to forget
  // a message that was taken.
  unref();
}

void ServerCall::read() {
  grpc_op op{};
  op.op = GRPC_OP_RECV_MESSAGE;
  op.data.recv_message.recv_message = message_.receive();
  if (grpc_call_start_batch(call_, &op, 1, &read_tag_, nullptr) != GRPC_CALL_OK) {
    on_read(false);
  }
}

bool ServerCall::is_overdue() const {
  const gpr_timespec age = gpr_time_sub(gpr_now(GPR_CLOCK_MONOTONIC), read_since_);
  return gpr_time_to_millis(age) > milliseconds(server_.config().read_timeout);
}

void ServerCall::give_up() {
  given_up_ = true;
  grpc_call_cancel_with_status(call_, GRPC_STATUS_UNAVAILABLE, kTooSlow, nullptr);
}

void ServerCall::refuse(ServerRefusal::Reason reason, const std::string& text) {
  const bool never = reason == ServerRefusal::Reason::too_large;
  tell(reason, never ? 413 : 503, text);
  send(never ? grpc_code::kResourceExhausted : grpc_code::kUnavailable, {}, text);
}

void ServerCall::refuse_for_memory() {
  refuse(ServerRefusal::Reason::no_memory, "no memory for this message now; try again later");
}

void ServerCall::tell(ServerRefusal::Reason reason, int status, const std::string& text) {
  server_.tell({.reason = reason, .is_grpc = true, .status = status, .peer = peer_, .text = text});
}

void ServerCall::on_read(bool) {
  const size_t size = message_.size();
  const bool too_large = size > server_.config().max_message_bytes;
  if (too_large) {
    message_.reset();
  }
  const bool has_room = server_.message_ended(*this, message_.size());
  if (!has_room) {
    message_.reset();
    refuse_for_memory();
    return;
  }
  if (message_.empty()) {
    on_no_message(size);
    return;
  }
  HttpRequestHead head;
  head.is_grpc = true;
  head.method = "POST";
  head.path = view_of(details_.method);
  metadata_.append_to(head.headers);
  if (message_.compression() == GRPC_COMPRESS_GZIP) {
    head.headers.emplace_back("content-encoding", "gzip");
  }
  head.content_length = message_.size();
  head.peer = std::move(peer_);
  server_.hand_over(std::make_unique<Incoming>(*this, std::move(head)));
}

/// The reading has ended, and not with a message that can be taken: `bytes` is its size.
void ServerCall::on_no_message(size_t bytes) {
  using Reason = ServerRefusal::Reason;
  const GrpcServerConfig& config = server_.config();
  server_.on_waste();
  if (bytes > 0) {
    refuse(Reason::too_large, fmt::format("the message has {} bytes, and may have {}", bytes,
                                          config.max_message_bytes));
  } else if (given_up_) {
    refuse(Reason::too_slow, fmt::format("{}: {} ms", kTooSlow, milliseconds(config.read_timeout)));
  } else {
    // gRPC does not say why. The client may have sent none, have gone or have run out of time, or
    // gRPC has run out of memory over a message that is many times too large.
    tell(Reason::incomplete, 0, "the call ended before its message was whole");
    send(grpc_code::kInvalidArgument, {}, "a call without a message");
  }
}

void ServerCall::send(int code, const Headers& trailers, std::string_view body) {
  for (const auto& [name, value] : trailers) {
    trailers_.add(name, value);
  }
  grpc_op ops[3] = {};
  size_t count = 0;
  ops[count++].op = GRPC_OP_SEND_INITIAL_METADATA;
  if (code == grpc_code::kOk) {
    message_.fill(body, false);
    ops[count].op = GRPC_OP_SEND_MESSAGE;
    ops[count++].data.send_message.send_message = message_.get();
  } else {
    text_ = copied(body);
  }
  grpc_op& status = ops[count++];
  status.op = GRPC_OP_SEND_STATUS_FROM_SERVER;
  status.data.send_status_from_server.status = static_cast<grpc_status_code>(code);
  status.data.send_status_from_server.status_details = &text_;
  status.data.send_status_from_server.trailing_metadata_count = trailers_.size();
  status.data.send_status_from_server.trailing_metadata = trailers_.data();
  if (grpc_call_start_batch(call_, ops, count, &sent_tag_, nullptr) != GRPC_CALL_OK) {
    unref();
  }
}

void ServerCall::on_sent(bool) {
  unref();
}

}  // namespace tailrace::net::core
