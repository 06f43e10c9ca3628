#pragma once

#include <cstdint>
#include <string_view>

#include "tailrace/receipt.h"

namespace tailrace {

/// A receipt whose source can be told that some of its records were refused while the others were
/// taken. Of any other receipt such a unit counts as refused.
class PartialReceipt : public Receipt {
 public:
  /// So many records were refused for good on the way to a destination; of the others it is told
  /// by itself. `alone`: they are this unit's; else the request held others', too, and nobody
  /// knows whose they are. `destination` only tells one from another: what two of them refuse are
  /// mostly the same records.
  virtual void refused_partly(uint64_t records, bool alone, std::string_view reason,
                              const void* destination) noexcept = 0;

 protected:
  using Receipt::Receipt;
};

/// Tells a receipt of it, whatever it is. For the rare case: looks at the object's type.
inline void report_partly(Receipt& receipt, uint64_t records, bool alone, std::string_view reason,
                          const void* destination) noexcept {
  if (auto* partial = dynamic_cast<PartialReceipt*>(&receipt)) {
    partial->refused_partly(records, alone, reason, destination);
  } else {
    receipt.report(Outcome::refused, reason);
  }
}

}  // namespace tailrace
