#pragma once

#include <string>

#include "testkit/temp_folder.h"

namespace tailrace::testkit {

/// A certificate authority of the test's own, made by the openssl program.
class TestAuthority {
 public:
  /// Files are `<name>.pem` and `<name>.key` in `folder`.
  TestAuthority(const TempFolder& folder, const std::string& name);
  /// A certificate for `subject` with this subjectAltName ("DNS:a,IP:127.0.0.1"); files as above.
  void sign(const std::string& file, const std::string& subject,
            const std::string& alt_names) const;
  std::string certificate_file() const { return folder_.path(name_ + ".pem"); }

 private:
  const TempFolder& folder_;
  std::string name_;
};

}  // namespace tailrace::testkit
