#include "net/grpc_module.h"

#include <string_view>
#include <vector>

#include <dlfcn.h>
#include <fmt/format.h>
#include <unistd.h>

#include "tailrace/log.h"

#include "net/grpc_channel.h"
#include "net/grpc_server.h"
#include "net/process.h"
#include "version_info.h"

namespace tailrace::net {

namespace {

constexpr const char* kFileName = "tailrace_grpc.so";

/// Where the module may lie, seen from the program's folder: beside the program (also in the
/// build's tree), where it is installed, and for the build's test programs.
constexpr const char* kFolders[] = {"", "../lib/tailrace/", "src/cli/"};

void log_of_grpc(const char* text) {
  log_line(LogLevel::debug, "net", "grpc", text);
}

std::string program_folder() {
  char path[4096];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof(path));
  const std::string_view text(path, length > 0 ? static_cast<size_t>(length) : 0);
  return std::string(text.substr(0, text.rfind('/') + 1));
}

Result<void*> open_module() {
  const std::string program = program_folder();
  for (const char* folder : kFolders) {
    const std::string path = program + folder + kFileName;
    if (access(path.c_str(), F_OK) != 0) {
      continue;
    }
    // Never unloaded: gRPC leaves threads and exit handlers behind.
    void* module = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (module == nullptr) {
      return fail(ErrorCode::unsupported,
                  fmt::format("gRPC is not available: {}", dlerror()));  // names the library
    }
    return module;
  }
  return fail(ErrorCode::unsupported,
              fmt::format("gRPC is not available: there is no {} in {} nor in {}../lib/tailrace",
                          kFileName, program, program));
}

}  // namespace

GrpcModule::GrpcModule(uint32_t threads) : threads_(threads) {}

GrpcModule::~GrpcModule() = default;

Status GrpcModule::load() {
  if (transport_ != nullptr) {
    return {};
  }
  const auto module = open_module();
  if (!module) {
    return tl::unexpected<Error>(module.error());
  }
  const auto* version = static_cast<const char*>(dlsym(*module, kGrpcModuleVersion));
  auto* make = reinterpret_cast<MakeGrpcTransport*>(dlsym(*module, kMakeGrpcTransport));
  if (version == nullptr || make == nullptr || std::string_view(version) != TAILRACE_VERSION) {
    return fail(ErrorCode::unsupported,
                fmt::format("gRPC is not available: {} belongs to version {}, not to {}", kFileName,
                            version == nullptr ? "?" : version, TAILRACE_VERSION));
  }
  ignore_sigpipe();
  transport_.reset(make(threads_, log_of_grpc));
  return {};
}

Result<std::unique_ptr<HttpServer>> GrpcModule::server(Lane& lane, const std::string& owner,
                                                       const GrpcServerConfig& config,
                                                       MemoryAccount& memory,
                                                       HttpHandler& handler) {
  std::weak_ptr<GrpcListener>& known = listeners_[{owner, config.listen}];
  std::shared_ptr<GrpcListener> listener = known.lock();
  if (listener == nullptr) {
    if (const Status loaded = load(); !loaded) {
      return tl::unexpected<Error>(loaded.error());
    }
    auto made = GrpcListener::make(*transport_, lane, config, memory);
    if (!made) {
      return tl::unexpected<Error>(made.error());
    }
    listener = std::move(*made);
    known = listener;
  }
  return GrpcListener::attach(std::move(listener), lane, handler);
}

Result<std::unique_ptr<Channel>> GrpcModule::channel(HttpClient& client,
                                                     const HttpClientConfig& config,
                                                     const GrpcClientConfig& grpc,
                                                     Metrics& metrics) {
  if (const Status loaded = load(); !loaded) {
    return tl::unexpected<Error>(loaded.error());
  }
  return std::unique_ptr<Channel>(
      std::make_unique<GrpcChannel>(client, *transport_, config, grpc, metrics));
}

}  // namespace tailrace::net
