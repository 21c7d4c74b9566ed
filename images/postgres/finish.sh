chmod 755 /usr/local/bin/entrypoint
# Set-up made a cluster where Debian keeps them; the entrypoint makes one in the volume instead.
rm -rf /var/lib/postgresql/15 /etc/postgresql/15
mkdir -p /var/lib/postgresql/data
chown postgres:postgres /var/lib/postgresql/data
# Compiling queries takes 140 MB of LLVM, which small databases never use.
rm -f /usr/lib/postgresql/15/lib/llvmjit.so /usr/lib/*/libLLVM-*.so*
rm -rf /usr/lib/postgresql/15/lib/bitcode
