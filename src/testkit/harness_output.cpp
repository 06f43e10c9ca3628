// PluginHarness: outputs, their encoding and their reading of answers.

#include "testkit/harness_output.h"

#include <algorithm>
#include <set>

#include <doctest/doctest.h>

#include "testkit/output_stage.h"
#include "testkit/plugin_harness.h"

namespace tailrace::testkit {

namespace {

/// Bytes that an estimate may be wrong by: the head of a body, a length that is known at the end.
constexpr size_t kEstimateSlack = 512;

void check_ranges(std::span<const PartRange> parts, size_t body_size) {
  std::vector<std::pair<uint64_t, uint64_t>> ranges;
  for (const PartRange& part : parts) {
    if (part.weight.records > 0 && body_size > 0) {
      CHECK(part.length > 0);
    }
    ranges.emplace_back(part.offset, uint64_t(part.offset) + part.length);
  }
  std::ranges::sort(ranges);
  uint64_t end = 0;
  for (const auto& [from, to] : ranges) {
    CHECK(from >= end);
    end = to;
  }
  CHECK(end <= body_size);
}

/// Appends all samples to one request after the other and seals.
std::vector<StagedRequest> encode(OutputStage& stage, const Samples& samples) {
  for (const Sample& sample : samples) {
    INFO("sample " << sample.name);
    stage.append(sample);
    CHECK(stage.taken() + stage.refused() + stage.filtered_weight() == stage.batch_weight());
  }
  return stage.seal();
}

void check_sealed(const StagedRequest& request, const OutputSubject& subject) {
  const std::string body = subject.uncompress(request.payload.view());
  check_ranges(request.parts, body.size());
  CHECK(request.left_bytes == 0);
  // What memory is counted by must not be much less than what is there.
  CHECK(body.size() <= request.body_bytes + request.body_bytes / 8 + kEstimateSlack);
  CHECK(body.size() <= request.estimated_bytes + request.estimated_bytes / 8 + kEstimateSlack);
}

void check_encoding(const PluginDescriptor& plugin, const std::shared_ptr<const void>& config,
                    const OutputSubject& subject) {
  OutputStage first(plugin, config);
  REQUIRE(first.output() != nullptr);
  const auto whole = encode(first, subject.samples);
  for (const StagedRequest& request : whole) {
    check_sealed(request, subject);
  }
  // The same again: in used bodies, and on another instance at another time.
  OutputStage second(plugin, config);
  second.lane().advance(std::chrono::hours(50));
  for (OutputStage* stage : {&first, &second}) {
    const auto again = encode(*stage, subject.samples);
    REQUIRE(again.size() == whole.size());
    for (size_t i = 0; i < whole.size(); ++i) {
      CHECK(again[i].tenant == whole[i].tenant);
      CHECK((again[i].payload.view() == whole[i].payload.view()));
    }
  }
  // Each sample on its own.
  for (const Sample& sample : subject.samples) {
    INFO("sample " << sample.name);
    for (const StagedRequest& request : encode(first, {sample})) {
      check_sealed(request, subject);
    }
  }
}

void check_answers(OutputStage& stage, const OutputSubject& subject, const StagedRequest& request) {
  Output& output = *stage.output();
  if (subject.over_network) {
    Call call;
    output.describe_call(request.view(), call);
    CHECK(!call.url.empty());
    CHECK(!call.method.empty());
    CHECK(call.timeout.count() > 0);
    for (const ErrorCode code : {ErrorCode::network, ErrorCode::timeout, ErrorCode::tls}) {
      CallResult none;
      none.transport = fail(code, "no answer");
      const Answer answer = output.read_answer(request.view(), none);
      INFO("no answer: " << to_string(code));
      CHECK((answer.kind == Answer::Kind::retry));
      CHECK(!answer.reason.empty());
    }
    for (const int status : {200, 204}) {
      const Answer answer = output.read_answer(request.view(), FakeServer::status(status));
      INFO("status " << status);
      CHECK((answer.kind == Answer::Kind::delivered));
    }
    for (const int status : subject.retried) {
      const Answer answer = output.read_answer(request.view(), FakeServer::status(status));
      INFO("status " << status);
      CHECK((answer.kind == Answer::Kind::retry));
    }
    // Nonsense is read as something, whatever it is.
    for (int status = 0; status < 700; status += 1) {
      for (const char* body : {"", "{\"error\": [", "\xff\x01"}) {
        const Answer answer = output.read_answer(
            request.view(), FakeServer::status(status, body, {{"retry-after", "soon"}}));
        INFO("status " << status);
        CHECK((answer.kind == Answer::Kind::delivered || !answer.reason.empty()));
        CHECK(answer.retry_after.count() >= 0);
      }
    }
  }
  for (const OutputSubject::Reading& reading : subject.readings) {
    INFO("status " << reading.answer.status << " " << reading.answer.body);
    CHECK((output.read_answer(request.view(), reading.answer).kind == reading.kind));
  }
}

/// Weights, ranges and records of what a request was made into.
void check_pieces(const SealedView& whole, const Rework& rework, const OutputSubject& subject) {
  std::vector<Weight> left;
  for (const PartRange& part : whole.parts) {
    left.push_back(part.weight);
  }
  std::vector<std::string> pieces;
  for (const ReworkedBody& body : rework.bodies) {
    REQUIRE(body.parts.size() == body.origin.size());
    CHECK(!body.parts.empty());
    check_ranges(body.parts, subject.uncompress(body.payload.view()).size());
    for (size_t i = 0; i < body.parts.size(); ++i) {
      REQUIRE(body.origin[i] < left.size());
      left[body.origin[i]] -= body.parts[i].weight;
    }
    for (std::string& record : subject.records(body.payload.view())) {
      pieces.push_back(std::move(record));
    }
  }
  for (const Rework::Refused& refused : rework.refused) {
    REQUIRE(refused.origin < left.size());
    CHECK(!refused.reason.empty());
    left[refused.origin] -= refused.weight;
  }
  for (const Weight& rest : left) {
    CHECK(rest == Weight{});
  }
  std::vector<std::string> records = subject.records(whole.payload);
  std::ranges::sort(records);
  std::ranges::sort(pieces);
  if (rework.refused.empty()) {
    CHECK(pieces == records);
  } else {
    CHECK(pieces.size() < records.size());
    CHECK(std::ranges::includes(records, pieces));
  }
}

void check_cut_to_the_end(const Output& output, const SealedView& whole,
                          const OutputSubject& subject, int depth) {
  REQUIRE(depth < 64);  // each time smaller, by about a half
  const auto rework = output.rework(whole, ReworkReason::too_large);
  REQUIRE(rework);
  check_pieces(whole, *rework, subject);
  const size_t size = subject.uncompress(whole.payload).size();
  for (const ReworkedBody& body : rework->bodies) {
    CHECK(subject.uncompress(body.payload.view()).size() < size);
    check_cut_to_the_end(output,
                         {body.payload.view(), whole.tenant, body.format_version, body.parts, 0},
                         subject, depth + 1);
  }
}

void check_rework(OutputStage& stage, const OutputSubject& subject, const StagedRequest& request) {
  const Output& output = *stage.output();
  const SealedView view = request.view();
  for (const ReworkReason reason :
       {ReworkReason::too_large, ReworkReason::blame_source, ReworkReason::unknown_format}) {
    INFO("reason " << static_cast<int>(reason));
    const bool known = std::ranges::count(subject.reworks, reason) != 0;
    const auto rework = output.rework(view, reason);
    CHECK((!known || rework.has_value()));
    if (rework) {
      check_pieces(view, *rework, subject);
    }
    if (known && reason == ReworkReason::blame_source) {
      for (const ReworkedBody& body : rework->bodies) {
        CHECK(std::set<uint32_t>(body.origin.begin(), body.origin.end()).size() == 1);
      }
    }
    // A payload that is none: an error or something that still adds up, never a crash.
    const std::string_view payload = request.payload.view();
    for (const std::string& garbage :
         {std::string(payload.substr(0, payload.size() / 2)), std::string("\xff\xff\xff\xff"),
          std::string(), std::string(payload.size(), '\x2a')}) {
      const auto made =
          output.rework({garbage, view.tenant, view.format_version, view.parts, 0}, reason);
      if (made) {
        Weight sum;
        for (const ReworkedBody& body : made->bodies) {
          for (const PartRange& part : body.parts) {
            sum += part.weight;
          }
        }
        for (const Rework::Refused& refused : made->refused) {
          sum += refused.weight;
        }
        Weight before;
        for (const PartRange& part : view.parts) {
          before += part.weight;
        }
        CHECK(sum == before);
      }
    }
  }
  if (std::ranges::count(subject.reworks, ReworkReason::too_large) != 0) {
    check_cut_to_the_end(output, view, subject, 0);
  }
}

}  // namespace

void PluginHarness::check_output(const OutputSubject& subject) const {
  REQUIRE((plugin_.kind == ComponentKind::output));
  const auto options = config();
  check_encoding(plugin_, options, subject);
  OutputStage stage(plugin_, options);
  const auto requests = encode(stage, subject.samples);
  REQUIRE(!requests.empty());
  for (const StagedRequest& request : requests) {
    check_answers(stage, subject, request);
    if (subject.records != nullptr && !subject.reworks.empty()) {
      check_rework(stage, subject, request);
    }
  }
  check_delivery(plugin_, options, subject);
}

}  // namespace tailrace::testkit
