#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tailrace/plugin.h"

#include "testkit/engine_bench.h"
#include "testkit/samples.h"

namespace tailrace::testkit {

/// What the harness must know of an output to look into its requests.
struct OutputSubject {
  Samples samples = log_samples();
  /// Undoes the compression of a payload.
  std::function<std::string(std::string_view payload)> uncompress = [](std::string_view payload) {
    return std::string(payload);
  };
  /// The records of a payload, each as a text with all that belongs to it. To count and compare.
  std::function<std::vector<std::string>(std::string_view payload)> records;
  /// How answers must be read, beside those that are the same for all.
  struct Reading {
    CallResult answer;
    Answer::Kind kind;
  };
  std::vector<Reading> readings;
  /// What any server may answer that is only busy or broken for a moment.
  std::vector<int> retried = {429, 500, 502, 503, 504};
  /// Which reworks it knows; the others must be refused with an error.
  std::vector<ReworkReason> reworks = {ReworkReason::too_large};
  /// It sends by OutputContext::http_channel. Else only the delivery itself is tried.
  bool over_network = true;
  CallResult refused = FakeServer::status(400);
  CallResult too_large = FakeServer::status(413);
};

/// What the harness must know of an input to feed it.
struct InputSubject {
  /// Options of the output at the other end, as one flow map, and the plugin that it is of (and
  /// what else the config needs).
  std::string output = "{type: words, url: \"http://out/\"}";
  std::vector<const PluginDescriptor*> others;
  /// The pipeline's, where input and output share more than one.
  std::optional<Signal> signal;
  /// Makes the source as it was before anything was produced; each part of the check begins so.
  std::function<void()> reset = [] {};
  /// What the input's own calls are answered (pages that it fetches); nothing = not its call.
  std::function<std::optional<CallResult>(const FakeServer::Seen&)> fetched =
      [](const FakeServer::Seen&) { return std::optional<CallResult>(); };
  /// Lets the source bring forth the records [first, first + count).
  std::function<void(EngineBench&, int first, int count)> produce;
  /// Called again and again while the harness waits: clients that were sent away come again.
  std::function<void(EngineBench&)> poke = [](EngineBench&) {};
  /// The numbers of the records in what the server took, in order.
  std::function<std::vector<int>(const FakeServer&)> taken;
  /// The source can be read again: nothing at all may be lost. Else: nothing of `acknowledged`.
  bool rereadable = false;
  /// Numbers of the records whose client was told that they are safe.
  std::function<std::vector<int>()> acknowledged = [] { return std::vector<int>(); };
  /// It ends under `--once` when everything is read.
  bool once = true;
  /// Enough to fill 2 MiB in the output; 0 = leave this part out.
  int many = 0;
};

/// The component contract (include/tailrace/README.md) as assertions: every plugin's test makes one
/// and calls what fits its kind.
///
///   PluginHarness harness(outputs_loki_plugin, "url: http://loki/");
///   harness.check_options();
///   harness.check_output(subject);
class PluginHarness {
 public:
  /// `options`: good ones, as lines of YAML.
  PluginHarness(const PluginDescriptor& plugin, std::string options)
      : plugin_(plugin), options_(std::move(options)) {}

  /// Every option has a doc; required, ranged and mistyped ones are refused at their place, and so
  /// are unknown ones.
  void check_options() const;
  /// Weights are conserved, receipts stay, bytes of the block are not edited, and the result is the
  /// same whatever came before and whatever the time is.
  void check_processor(const Samples& samples = log_samples(),
                       const Describe& describe = describe_logs) const;
  /// The same of a converter; `samples` are of the form that it converts, `describe` knows the one
  /// that it gives.
  void check_converter(const Samples& samples, const Describe& describe) const;
  /// Parts and weights, ranges, determinism, answers, rework, and delivery on the engine's queue:
  /// at once, after retries, in pieces, from the spool, refused.
  void check_output(const OutputSubject& subject) const;
  /// On the engine: everything arrives once, a stop drains, a restart repeats nothing, a kill loses
  /// nothing, and without room it waits.
  void check_input(const InputSubject& subject) const;

 private:
  std::shared_ptr<void> config() const;
  void check_batches(const Samples& samples, const Describe& describe) const;

  const PluginDescriptor& plugin_;
  const std::string options_;
};

}  // namespace tailrace::testkit
