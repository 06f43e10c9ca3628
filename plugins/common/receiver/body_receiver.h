#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tailrace/growing_body.h"
#include "tailrace/http.h"
#include "tailrace/input.h"

#include "plugins/common/receiver/receiver_config.h"
#include "plugins/common/receiver/reply_book.h"
#include "plugins/common/receiver/reservation.h"

namespace tailrace::common::receiver {

/// An input that takes bodies over HTTP (or gRPC, whose calls look alike): listens, reserves memory
/// and asks for credit before a body is read, answers, counts. What a body is and what becomes of
/// it is the derived class's.
///
/// Lifetime: a body is held (and its memory reserved) until it is pushed, then only its receipt. A
///           derived class calls close() in its destructor: clients that wait are answered by it.
/// Lane:     every lane listens on the same port; a connection stays with its lane.
class BodyReceiver : public Input, public HttpHandler, public GrowingBodyHandler {
 public:
  /// `config` outlives the object.
  BodyReceiver(const ReceiverConfig& config, InputContext& context)
      : BodyReceiver(static_cast<const BodyConfig&>(config), context) {
    listen_ = &config;
  }
  /// A derived class that listens in its own open(), by serve().
  BodyReceiver(const BodyConfig& config, InputContext& context);

  Status open() override;
  void start() override;
  void stop() override;
  /// Nobody waits here: a client that found no credit was told to come again.
  void on_credit() override {}
  std::vector<SourceStatus> sources() const override;
  void update_gauges() override;

 protected:
  using ExchangePtr = std::shared_ptr<HttpExchange>;

  Status serve(const ListenConfig& door);
  Status serve(const GrpcServerConfig& door);

  /// Paths of GET that tell a client whether we are there.
  virtual bool is_ready_path(std::string_view path) const = 0;
  virtual bool is_body_path(std::string_view path) const = 0;
  /// "metrics", and where they go: for who asks for something else.
  virtual std::string_view what() const = 0;
  virtual std::string_view where() const = 0;
  /// What can be refused before the body is read.
  virtual Status check_head(const HttpRequestHead& head) const = 0;
  /// A whole body (not empty memory: kBlockPadding follows it), whose memory is `memory`.
  virtual void on_whole_body(const ExchangePtr& exchange, Bytes body_and_padding, size_t body_size,
                             Reservation& memory) = 0;
  /// Lets go of what a large body made it allocate.
  virtual void release_scratch() = 0;
  /// The status that tells a client of an error.
  virtual int status_of(ErrorCode code) const;
  /// The status where room is there but would not help: nothing can be settled now.
  virtual int unsettled_status() const { return 429; }
  /// Answers a request that is neither a body nor a question whether we are there.
  virtual bool answers_itself(HttpExchange&) { return false; }
  /// Hands an answer to the exchange. By itself: as a text.
  virtual void send(HttpExchange& exchange, const Reply& answer, Headers headers);
  /// Further headers of an answer from 400 on.
  virtual Headers error_headers(const HttpRequestHead&) const { return {}; }

  /// The tenant of a request that is kept as a label, or "".
  std::string_view tenant_of(const HttpRequestHead& head) const;
  /// Whether the tenant is one.
  Status check_tenant(const HttpRequestHead& head) const;
  /// Counts a body that is taken.
  void count_taken(size_t body_size);
  void reply(HttpExchange& exchange, Reply answer);
  void refuse(HttpExchange& exchange, Reply answer, std::string_view reason);
  /// Refuses for an error that was found in the body.
  void refuse(HttpExchange& exchange, const Error& error);
  /// Asks the outputs for room for a body of so many bytes, and tells the client to come again
  /// when there is none.
  bool admit(HttpExchange& exchange, size_t bytes);
  ReplyBook& replies() noexcept { return *replies_; }
  InputContext& context() noexcept { return context_; }
  void close() { replies_->close(); }

 private:
  uint64_t on_head(const ExchangePtr& exchange) override;
  uint64_t on_growth(const ExchangePtr& exchange, uint64_t least, uint64_t most) override;
  void on_grown(const ExchangePtr& exchange, uint64_t room) override;
  void on_body(const ExchangePtr& exchange, Bytes body_and_padding, size_t body_size) override;
  void on_end(const ExchangePtr& exchange) override;
  void on_refused(const ServerRefusal& refusal) override;

  /// A place that is listened on.
  struct Door {
    std::string listen;
    std::unique_ptr<HttpServer> server;
  };
  Counter& reply_counter(int status);
  void count_refused(std::string_view reason, uint64_t times);
  Status add_door(const std::string& listen, Result<std::unique_ptr<HttpServer>> made,
                  std::string_view what);

  const BodyConfig& config_;
  const ListenConfig* listen_ = nullptr;
  InputContext& context_;
  /// Bodies on their way in: what was reserved for them.
  std::unordered_map<const HttpExchange*, Reservation> incoming_;
  std::shared_ptr<ReplyBook> replies_;
  bool stopping_ = false;
  uint64_t taken_bytes_ = 0;

  Counter& bodies_;
  Counter& body_bytes_;
  std::map<int, Counter*> replied_;
  Gauge& waiting_gauge_;
  Gauge& incoming_gauge_;
  std::vector<Door> doors_;  // go first: their end ends all exchanges
};

}  // namespace tailrace::common::receiver
