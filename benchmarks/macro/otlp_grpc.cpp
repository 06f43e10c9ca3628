// OTLP over gRPC, by gRPC's C core and nothing else:
//
//   otlp_grpc sink                       answers OK to every call
//   otlp_grpc relay --to HOST:PORT       passes the bytes of each call on: the least it can cost
//     both print "listening on 127.0.0.1:PORT"
//   otlp_grpc load --to HOST:PORT --connections N --spans N --seconds N
//     clients that export traces as fast as they are answered; prints what otlp_load prints

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <grpc/byte_buffer.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/slice.h>
#include <grpc/support/time.h>

#include "benchmarks/macro/otlp_load.h"
#include "benchmarks/macro/otlp_request.h"

namespace tailrace::benchmarks {
namespace {

constexpr const char* kMethod = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
/// Calls that a server waits for at a time.
constexpr int kWaiting = 64;

class Tag {
 public:
  virtual ~Tag() = default;
  virtual void on_event(bool ok) = 0;
};

grpc_completion_queue* queue() {
  static grpc_completion_queue* const queue = grpc_completion_queue_create_for_next(nullptr);
  return queue;
}

/// Serves events until then.
void serve(gpr_timespec until) {
  for (;;) {
    const grpc_event event = grpc_completion_queue_next(queue(), until, nullptr);
    if (event.type != GRPC_OP_COMPLETE) {
      return;
    }
    static_cast<Tag*>(event.tag)->on_event(event.success != 0);
  }
}

void start(grpc_call* call, const grpc_op* ops, size_t count, Tag* tag) {
  if (grpc_call_start_batch(call, ops, count, tag, nullptr) != GRPC_CALL_OK) {
    fmt::print(stderr, "otlp_grpc: a batch was refused\n");
    exit(1);
  }
}

/// A connection of its own.
grpc_channel* connect(const std::string& to) {
  grpc_arg own{};
  own.type = GRPC_ARG_INTEGER;
  own.key = const_cast<char*>(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL);
  own.value.integer = 1;
  const grpc_channel_args args{1, &own};
  grpc_channel_credentials* plain = grpc_insecure_credentials_create();
  grpc_channel* channel = grpc_channel_create(to.c_str(), plain, &args);
  grpc_channel_credentials_release(plain);
  return channel;
}

/// What happens when a call has ended.
class AfterCall {
 public:
  virtual ~AfterCall() = default;
  virtual void on_answer(bool good) = 0;
};

/// One call to a server; used again and again.
class ClientCall final : public Tag {
 public:
  ClientCall(grpc_channel* channel, AfterCall& after) : channel_(channel), after_(after) {
    grpc_metadata_array_init(&head_);
    grpc_metadata_array_init(&trailers_);
  }

  void send(grpc_byte_buffer* message) {
    static const grpc_slice method = grpc_slice_from_static_string(kMethod);
    call_ = grpc_channel_create_call(channel_, nullptr, GRPC_PROPAGATE_DEFAULTS, queue(), method,
                                     nullptr, gpr_inf_future(GPR_CLOCK_MONOTONIC), nullptr);
    grpc_op ops[6] = {};
    ops[0].op = GRPC_OP_SEND_INITIAL_METADATA;
    ops[1].op = GRPC_OP_SEND_MESSAGE;
    ops[1].data.send_message.send_message = message;
    ops[2].op = GRPC_OP_SEND_CLOSE_FROM_CLIENT;
    ops[3].op = GRPC_OP_RECV_INITIAL_METADATA;
    ops[3].data.recv_initial_metadata.recv_initial_metadata = &head_;
    ops[4].op = GRPC_OP_RECV_MESSAGE;
    ops[4].data.recv_message.recv_message = &answer_;
    ops[5].op = GRPC_OP_RECV_STATUS_ON_CLIENT;
    ops[5].data.recv_status_on_client.trailing_metadata = &trailers_;
    ops[5].data.recv_status_on_client.status = &status_;
    ops[5].data.recv_status_on_client.status_details = &text_;
    start(call_, ops, 6, this);
  }

 private:
  void on_event(bool) override {
    head_.count = 0;
    trailers_.count = 0;
    grpc_slice_unref(text_);
    if (answer_ != nullptr) {
      grpc_byte_buffer_destroy(answer_);
      answer_ = nullptr;
    }
    grpc_call_unref(call_);
    after_.on_answer(status_ == GRPC_STATUS_OK);
  }

  grpc_channel* channel_;
  AfterCall& after_;
  grpc_call* call_ = nullptr;
  grpc_metadata_array head_{};
  grpc_metadata_array trailers_{};
  grpc_byte_buffer* answer_ = nullptr;
  grpc_status_code status_ = GRPC_STATUS_OK;
  grpc_slice text_{};
};

/// One call of a client; used again and again.
class ServerCall final : public Tag, public AfterCall {
 public:
  /// Answers at once when there is nowhere to pass calls on to.
  ServerCall(grpc_server* server, grpc_channel* onward) : server_(server) {
    if (onward != nullptr) {
      onward_ = std::make_unique<ClientCall>(onward, *this);
    }
    grpc_call_details_init(&details_);
    grpc_metadata_array_init(&metadata_);
    wait();
  }

 private:
  enum class State : uint8_t { waiting, reading, answering };

  void wait() {
    state_ = State::waiting;
    grpc_server_request_call(server_, &call_, &details_, &metadata_, queue(), queue(), this);
  }

  void on_event(bool ok) override {
    switch (state_) {
      case State::waiting: {
        if (!ok) {
          return;
        }
        state_ = State::reading;
        grpc_op op{};
        op.op = GRPC_OP_RECV_MESSAGE;
        op.data.recv_message.recv_message = &message_;
        start(call_, &op, 1, this);
        break;
      }
      case State::reading:
        if (onward_ != nullptr && message_ != nullptr) {
          onward_->send(message_);
        } else {
          on_answer(true);
        }
        break;
      case State::answering:
        grpc_call_unref(call_);
        grpc_call_details_destroy(&details_);
        grpc_call_details_init(&details_);
        metadata_.count = 0;
        wait();
    }
  }

  void on_answer(bool good) override {
    if (message_ != nullptr) {
      grpc_byte_buffer_destroy(message_);
      message_ = nullptr;
    }
    state_ = State::answering;
    static grpc_byte_buffer* const nothing = grpc_raw_byte_buffer_create(nullptr, 0);
    grpc_op ops[4] = {};
    ops[0].op = GRPC_OP_SEND_INITIAL_METADATA;
    ops[1].op = GRPC_OP_SEND_MESSAGE;
    ops[1].data.send_message.send_message = nothing;
    ops[2].op = GRPC_OP_SEND_STATUS_FROM_SERVER;
    ops[2].data.send_status_from_server.status = good ? GRPC_STATUS_OK : GRPC_STATUS_UNAVAILABLE;
    ops[3].op = GRPC_OP_RECV_CLOSE_ON_SERVER;
    ops[3].data.recv_close_on_server.cancelled = &cancelled_;
    start(call_, ops, 4, this);
  }

  grpc_server* server_;
  std::unique_ptr<ClientCall> onward_;
  State state_ = State::waiting;
  grpc_call* call_ = nullptr;
  grpc_call_details details_{};
  grpc_metadata_array metadata_{};
  grpc_byte_buffer* message_ = nullptr;
  int cancelled_ = 0;
};

int run_server(grpc_channel* onward) {
  grpc_server* server = grpc_server_create(nullptr, nullptr);
  grpc_server_register_completion_queue(server, queue(), nullptr);
  const int port =
      grpc_server_add_http2_port(server, "127.0.0.1:0", grpc_insecure_server_credentials_create());
  grpc_server_start(server);
  fmt::print("listening on 127.0.0.1:{}\n", port);
  fflush(stdout);
  std::vector<std::unique_ptr<ServerCall>> calls;
  for (int i = 0; i < kWaiting; ++i) {
    calls.push_back(std::make_unique<ServerCall>(server, onward));
  }
  serve(gpr_inf_future(GPR_CLOCK_MONOTONIC));
  return 0;
}

/// A client that exports the same request again and again.
class Client final : public AfterCall {
 public:
  Client(const std::string& to, const std::string& body) : call_(connect(to), *this) {
    grpc_slice slice = grpc_slice_from_copied_buffer(body.data(), body.size());
    message_ = grpc_raw_byte_buffer_create(&slice, 1);
    grpc_slice_unref(slice);
    call_.send(message_);
  }
  uint64_t done = 0;
  uint64_t failed = 0;

 private:
  void on_answer(bool good) override {
    (good ? done : failed) += 1;
    call_.send(message_);
  }

  grpc_byte_buffer* message_;
  ClientCall call_;
};

[[noreturn]] void run_load(const LoadOptions& options) {
  std::vector<std::unique_ptr<Client>> clients;
  size_t request_bytes = 0;
  for (int i = 0; i < options.connections; ++i) {
    const std::string body = export_body(1 + static_cast<uint64_t>(i) * 1'000'000, options.spans);
    request_bytes = body.size();
    clients.push_back(std::make_unique<Client>(options.to, body));
  }
  const gpr_timespec begin = gpr_now(GPR_CLOCK_MONOTONIC);
  serve(gpr_time_add(
      begin, gpr_time_from_micros(static_cast<int64_t>(options.seconds * 1e6), GPR_TIMESPAN)));
  uint64_t done = 0;
  uint64_t failed = 0;
  for (const auto& client : clients) {
    done += client->done;
    failed += client->failed;
  }
  const gpr_timespec took = gpr_time_sub(gpr_now(GPR_CLOCK_MONOTONIC), begin);
  print_load(options, done, failed, request_bytes, gpr_timespec_to_micros(took) / 1e6);
  _Exit(0);  // calls are under way
}

}  // namespace
}  // namespace tailrace::benchmarks

int main(int argc, char** argv) {
  using namespace tailrace::benchmarks;
  const std::string_view mode = argc > 1 ? argv[1] : "";
  const LoadOptions options = read_load_options(argc - 2, argv + 2);
  grpc_init();
  if (mode == "sink") {
    return run_server(nullptr);
  }
  if (mode == "relay" && !options.to.empty()) {
    return run_server(connect(options.to));
  }
  if (mode == "load" && !options.to.empty()) {
    run_load(options);
  }
  fmt::print(stderr, "usage: otlp_grpc sink | relay --to HOST:PORT | load --to HOST:PORT …\n");
  return 2;
}
