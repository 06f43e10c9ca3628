#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tailrace/batch.h"
#include "tailrace/bytes.h"
#include "tailrace/channel.h"
#include "tailrace/grpc.h"
#include "tailrace/http.h"
#include "tailrace/lane.h"
#include "tailrace/log.h"
#include "tailrace/metrics.h"
#include "tailrace/result.h"

namespace tailrace {

/// A run of records of one source unit within a request's body.
struct PartRange {
  uint32_t offset = 0;  ///< Into the uncompressed body, set by RequestBody::seal.
  uint32_t length = 0;
  Weight weight;
};

/// A request that is still being filled: the output's own structure.
/// Lane: its sequence's. Reused after seal().
class RequestBody {
 public:
  virtual ~RequestBody() = default;
  /// Uncompressed size so far.
  virtual size_t bytes() const noexcept = 0;
  /// Encodes and compresses everything into the payload that goes on the wire, sets offset and
  /// length of every part (in the order in which append() made them), and empties the body.
  virtual Bytes seal(std::span<PartRange> parts) = 0;
};

/// Hands out open requests to an encoder. See Output::append.
class Requests {
 public:
  /// The body of the open request of (tenant, order_hash mod shards). If it would grow beyond
  /// `batch.bytes` by `estimated_bytes`, it is sealed first and a fresh one is given. Adds a part
  /// of this weight for the batch in work; `part` is its index in the request.
  /// The body stays valid until the next call.
  virtual RequestBody& part(std::string_view tenant, uint64_t order_hash, size_t estimated_bytes,
                            Weight weight, uint32_t& part) noexcept = 0;
  /// Records of the batch that this output will not take, ever (too large, invalid): counted as
  /// refused, one example is logged.
  virtual void refuse(Weight weight, std::string_view reason,
                      std::string_view example) noexcept = 0;
  /// Records of the batch that are not sent by the user's wish (write_relabel_configs).
  virtual void filtered(Weight weight) noexcept = 0;

 protected:
  ~Requests() = default;
};

/// What the sender and the spool know of a body.
struct SealedView {
  std::string_view payload;
  std::string_view tenant;
  uint32_t format_version = 0;
  std::span<const PartRange> parts;
  uint32_t attempt = 0;  ///< 0 for the first try.
};

/// How an output reads a server's answer.
struct Answer {
  enum class Kind : uint8_t {
    delivered,
    retry,           ///< Nothing, or not all, was stored; the same bytes may be sent again.
    partly,          ///< Stored but for `refused` records, which are refused for good.
    refused,         ///< Refused for good, as a whole.
    blame_source,    ///< Refused as a whole because of some record: try its sources (or whatever
                     ///< rework() takes it apart into) by themselves, once.
    too_large,       ///< Send it in smaller pieces.
    unknown_format,  ///< The server does not know this format; transcode.
  };
  Kind kind = Kind::delivered;
  uint64_t refused = 0;                      ///< With partly.
  std::chrono::milliseconds retry_after{0};  ///< With retry; 0 = our own backoff.
  bool tenant_only = false;                  ///< Only this tenant is told to wait.
  std::string reason;                        ///< A short label for metrics: "http_429".
  std::string detail;                        ///< For the log: the start of the answer.
};

enum class ReworkReason : uint8_t { too_large, blame_source, unknown_format };

/// A body made from a sealed one. `parts[i]` continues the old part `origin[i]`; weights of all
/// pieces of an old part sum up to its weight.
struct ReworkedBody {
  Bytes payload;
  uint32_t format_version = 0;
  std::vector<PartRange> parts;
  std::vector<uint32_t> origin;
};

struct Rework {
  std::vector<ReworkedBody> bodies;
  /// Records that cannot be sent at all (one record larger than the limit): part index and weight.
  struct Refused {
    uint32_t origin;
    Weight weight;
    std::string reason;
  };
  std::vector<Refused> refused;
};

class OutputContext {
 public:
  virtual ~OutputContext() = default;
  virtual const std::string& name() const noexcept = 0;
  virtual Lane& lane() noexcept = 0;
  virtual Metrics& metrics() noexcept = 0;
  virtual const Log& log() noexcept = 0;
  virtual size_t batch_bytes() const noexcept = 0;
  /// What Requests::part takes order hashes modulo of: an encoder that puts many records into one
  /// part groups them by it.
  virtual uint64_t shards() const noexcept { return 1; }
  virtual Result<std::unique_ptr<Channel>> http_channel(const HttpClientConfig& config) = 0;
  virtual Result<std::unique_ptr<Channel>> grpc_channel(const HttpClientConfig&,
                                                        const GrpcClientConfig&) {
    return fail(ErrorCode::unsupported, "gRPC is not available here");
  }
};

/// Turns batches into requests for one kind of server. One instance per lane. Queue, spool, retry
/// and sending are the engine's.
class Output {
 public:
  virtual ~Output() = default;

  virtual std::unique_ptr<RequestBody> new_body() = 0;
  /// Encodes the batch into one or more open requests (one call of Requests::part for each piece).
  /// The weights of all parts, plus what was refused or filtered, equal the batch's weight. Never
  /// fails half-way. The encoding depends on the batch and the options only (P2).
  virtual void append(const Batch& batch, Requests& requests) noexcept = 0;
  /// Version of the body's format; a spooled body keeps the one it was sealed with.
  virtual uint32_t format_version() const noexcept { return 1; }

  virtual Channel& channel() noexcept = 0;
  /// Fills method, url, headers and timeout; the body is set by the sender.
  virtual void describe_call(const SealedView& request, Call& call) = 0;
  virtual Answer read_answer(const SealedView& request, const CallResult& result) = 0;
  /// Smaller or transcoded bodies. Runs on a worker thread: touches nothing that changes.
  virtual Result<Rework> rework(const SealedView& request, ReworkReason reason) const = 0;
};

}  // namespace tailrace
