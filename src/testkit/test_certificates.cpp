#include "testkit/test_certificates.h"

#include <cstdlib>
#include <fstream>

#include <fmt/format.h>

#include "tailrace/check.h"

namespace tailrace::testkit {

namespace {

void run_command(const std::string& command) {
  TR_CHECK(std::system((command + " >/dev/null 2>&1").c_str()) == 0);
}

}  // namespace

TestAuthority::TestAuthority(const TempFolder& folder, const std::string& name)
    : folder_(folder), name_(name) {
  run_command(
      fmt::format("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
                  "-subj '/CN={0}' -keyout {1} -out {2}",
                  name, folder.path(name + ".key"), folder.path(name + ".pem")));
}

void TestAuthority::sign(const std::string& file, const std::string& subject,
                         const std::string& alt_names) const {
  const std::string key = folder_.path(file + ".key");
  const std::string request = folder_.path(file + ".csr");
  const std::string extensions = folder_.path(file + ".ext");
  std::ofstream(extensions) << "subjectAltName=" << alt_names << "\n";
  run_command(
      fmt::format("openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
                  "-subj '/CN={}' -keyout {} -out {}",
                  subject, key, request));
  run_command(
      fmt::format("openssl x509 -req -days 2 -in {} -CA {} -CAkey {} -CAcreateserial "
                  "-extfile {} -out {}",
                  request, certificate_file(), folder_.path(name_ + ".key"), extensions,
                  folder_.path(file + ".pem")));
}

}  // namespace tailrace::testkit
