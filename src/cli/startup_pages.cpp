#include "cli/startup_pages.h"

#include <cstdint>

#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

namespace tailrace::cli {

void release_startup_pages() noexcept {
  dl_iterate_phdr(
      [](dl_phdr_info* object, size_t, void*) {
        const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
        for (size_t i = 0; i < object->dlpi_phnum; ++i) {
          const ElfW(Phdr)& segment = object->dlpi_phdr[i];
          // Segments that were never writable: relocations (also those behind PT_GNU_RELRO) write
          // only to the others.
          if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) {
            continue;
          }
          const uintptr_t begin = (object->dlpi_addr + segment.p_vaddr) & ~(page - 1);
          const uintptr_t end = object->dlpi_addr + segment.p_vaddr + segment.p_memsz;
          // Errors (pages that are locked, the kernel's own vdso) leave things as they were.
          madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
        }
        return 0;
      },
      nullptr);
}

}  // namespace tailrace::cli
