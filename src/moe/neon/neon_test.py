"""The kernels for NEON, compiled for 64-bit ARM and run on an emulated one: the bits of the scalar truth.

Arguments: the project's folder, a folder for the program, the sources. Status 77 (skipped) without aarch64-linux-gnu-g++ and
qemu-aarch64 (Debian: g++-aarch64-linux-gnu, qemu-user). Highway is headers alone here; they are the same for every machine.
"""

import os
import shutil
import subprocess
import sys


def main():
    project, folder, *sources = sys.argv[1:]
    compiler, emulator = shutil.which("aarch64-linux-gnu-g++"), shutil.which("qemu-aarch64")
    headers = next((d for d in ("/usr/include/hwy", "/usr/local/include/hwy") if os.path.isdir(d)), None)
    if not compiler or not emulator or not headers:
        print("skipped: needs aarch64-linux-gnu-g++, qemu-aarch64 and Highway's headers")
        return 77
    include = os.path.join(folder, "include")  # Highway's headers without this machine's others
    os.makedirs(include, exist_ok=True)
    link = os.path.join(include, "hwy")
    if not os.path.islink(link):
        os.symlink(headers, link)
    program = os.path.join(folder, "moe_neon")
    # Highway takes an ARM without AES for one without NEON.
    flags = ["-std=c++20", "-O2", "-ffp-contract=off", "-static", "-march=armv8-a+crypto", "-I" + include]
    flags += ["-I" + os.path.join(project, d) for d in ("src", "include")]
    subprocess.run([compiler, *flags, *sources, "-o", program], check=True)
    said = subprocess.run([emulator, program], check=True, capture_output=True, text=True).stdout
    print(said)
    return 0 if "neon: the bits of scalar" in said else 1


if __name__ == "__main__":
    sys.exit(main())
