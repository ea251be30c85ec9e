# The kernels and how each version of them is compiled; also read by python/. Paths are relative to this file.
set(SWY_KERNEL_SOURCES kernels.cc detail/scalar.cc)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  list(APPEND SWY_KERNEL_SOURCES detail/avx2.cc detail/avx512.cc detail/avx512_attention.cc)
endif()
# Optimised in every preset: unoptimised intrinsics are a hundred times slower and test nothing more.
function(swy_kernel_options prefix)
  set_source_files_properties(${prefix}detail/avx2.cc PROPERTIES COMPILE_OPTIONS "-O2;-mavx2;-mfma")
  # GCC 12 takes the undefined operands inside its own headers for mistakes (PR105593).
  set_source_files_properties(${prefix}detail/avx512.cc ${prefix}detail/avx512_attention.cc PROPERTIES COMPILE_OPTIONS
    "-O2;-mavx512f;-mavx512bw;-mavx512dq;-mavx512vl;-mavx512vnni;-mfma;$<$<CXX_COMPILER_ID:GNU>:-Wno-uninitialized>")
endfunction()
