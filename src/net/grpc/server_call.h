#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "net/grpc/core.h"
#include "net/grpc/server.h"

namespace tailrace::net::core {

/// One call of a client: expected, begun, read, answered, closed. Ends itself when gRPC has let go
/// of it and nobody owes it an answer.
class ServerCall {
 public:
  ServerCall(Server& server, grpc_completion_queue* queue) : server_(server), queue_(queue) {}
  ServerCall(const ServerCall&) = delete;
  ServerCall& operator=(const ServerCall&) = delete;

  void expect();
  /// From now on its message has read_timeout to come; read() follows.
  void begin_reading(size_t reserved_bytes) {
    reserved_ = reserved_bytes;
    read_since_ = gpr_now(GPR_CLOCK_MONOTONIC);
  }
  size_t reserved() const noexcept { return reserved_; }
  void read();
  /// Answers; the last that is asked of it.
  void send(int code, const Headers& trailers, std::string_view body);
  bool is_overdue() const;
  /// Its reading, which is under way, is to end.
  void give_up();
  /// Answers that it is not taken, and tells the server's owner.
  void refuse(ServerRefusal::Reason reason, const std::string& text);
  void refuse_for_memory();

 private:
  class Incoming;
  ~ServerCall();

  void on_called(bool ok);
  void on_read(bool ok);
  void on_closed(bool ok);
  void on_sent(bool ok);
  void on_no_message(size_t bytes);
  void watch_end();
  void tell(ServerRefusal::Reason reason, int status, const std::string& text);
  void unref();

  Server& server_;
  grpc_completion_queue* queue_;
  // One for gRPC's word that the call has ended, one for whoever owes the answer.
  std::atomic<int> references_{1};
  bool counted_ = false;

  grpc_call* call_ = nullptr;
  grpc_call_details details_{};
  std::string peer_;
  ReceivedMetadata metadata_;
  gpr_timespec read_since_{};
  size_t reserved_ = 0;
  bool given_up_ = false;
  Message message_;
  int cancelled_ = 0;
  SentMetadata trailers_;
  grpc_slice text_ = grpc_empty_slice();

  MemberTag<ServerCall, &ServerCall::on_called> called_tag_{*this};
  MemberTag<ServerCall, &ServerCall::on_read> read_tag_{*this};
  MemberTag<ServerCall, &ServerCall::on_closed> closed_tag_{*this};
  MemberTag<ServerCall, &ServerCall::on_sent> sent_tag_{*this};
};

}  // namespace tailrace::net::core
