#!/usr/bin/env bash
# Run by deb.sh, which says in the environment where things are: publishes the programs and makes the packages of them.
# A process of its own, as bash keeps to -e nowhere below an `||`: what fails here ends it.
set -euo pipefail
umask 022
# Built apart: what the checkout has for its own machine stays. The laboratory's program brings the switch's along.
"$dotnet" publish "$root/lab/Program" --configuration Release --runtime linux-x64 --self-contained --artifacts-path "$work/build" \
  --output "$work/published" -p:PublishReadyToRun=true -p:DebugType=none -p:CopyOutputSymbolsToPublishDirectory=false \
  -p:PublishDocumentationFiles=false -p:PublishReferencesDocumentationFiles=false -p:PathMap="$root=/softswitch" --disable-build-servers --verbosity quiet -nologo >&2
# What is never loaded is left out: most of ASP.NET Core and half of the framework.
"$dotnet" run "$here/parts.cs" "$work/published" softswitch="$work/softswitch/usr/lib/softswitch" softswitch-lab="$work/softswitch-lab/usr/lib/softswitch" >&2
for name in softswitch softswitch-lab; do
  chmod -R u=rwX,go=rX "$work/$name"
  find "$work/$name/usr/lib/softswitch" -type f ! -name $name -exec chmod a-x {} +
done
mkdir "$work/manual"
"$work/published/softswitch" manual "$work/manual" "$root/docs"

# add_pages PAGE...: moves them into the manual of the package whose tree we are in.
add_pages() {
  local page folder
  for page; do
    folder=usr/share/man/man${page##*.}
    install -D -m 644 "$page" "$folder/${page##*/}"
    gzip -9n "$folder/${page##*/}"
    rm "$page"
  done
}

# pack NAME: the tree we are in, with what every package has.
pack() {
  local documents=usr/share/doc/$1 size
  install -D -m 644 "$here/copyright" "$documents/copyright"
  printf 'softswitch (%s) unstable; urgency=medium\n\n  * What changed is said in CHANGELOG.md.\n\n -- %s  %s\n' \
    "$version" "$(sed -n 's/^Maintainer: //p' "$here/$1.control")" "$(date -uR -d "@$SOURCE_DATE_EPOCH")" | gzip -9n >"$documents/changelog.gz"
  install -d DEBIAN
  size=$(du -sk --apparent-size --exclude=DEBIAN . | cut -f1)
  sed "s/@VERSION@/$version/; s/@SIZE@/$size/" "$here/$1.control" >DEBIAN/control
  find . -type f ! -path './DEBIAN/*' ! -path './etc/*' -printf '%P\n' | LC_ALL=C sort | xargs -d '\n' md5sum >DEBIAN/md5sums
  find . -exec touch -hd "@$SOURCE_DATE_EPOCH" {} +
  dpkg-deb --root-owner-group -Zxz -z3 --build . "$folder/${1}_${version}_amd64.deb" >&2
}

cd "$work/softswitch-lab"
add_pages "$work"/manual/softswitch-{demo,bench,scenario}.1
pack softswitch-lab

cd "$work/softswitch"
add_pages "$work"/manual/*.[157]
install -d usr/bin usr/share/{bash-completion/completions,doc/softswitch} usr/share/lintian/overrides etc/softswitch lib/systemd/system DEBIAN
install -m 755 "$here/softswitch" usr/bin/
install -m 755 "$root/eng/keep-capabilities" "$root/eng/systemd/reload" usr/lib/softswitch/
# Documents with what they refer to, laid out as here so that their links lead somewhere.
(
  cd "$root"
  find README.md CHANGELOG.md CONTRIBUTING.md docs etc scenarios/*/README.md samples/*/Program.cs -type f -size +0 \
    -exec cp --parents -t "$work/softswitch/usr/share/doc/softswitch" {} +
)
chmod -R u=rwX,go=rX usr/share/doc/softswitch
install -m 644 "$work/manual/softswitch.bash" usr/share/bash-completion/completions/softswitch
install -D -m 644 "$root/etc/softswitch.schema.json" usr/share/softswitch/softswitch.schema.json
# One file for `mn --custom` and for `from softswitch import Softswitch`.
install -D -m 644 "$root/mininet/softswitch.py" usr/share/softswitch/mininet/softswitch.py
install -d usr/lib/python3/dist-packages
ln -s ../../../share/softswitch/mininet/softswitch.py usr/lib/python3/dist-packages/softswitch.py
sed 's|\$schema=|&/usr/share/softswitch/|' "$root/etc/softswitch.yaml" >etc/softswitch/softswitch.yaml
chmod 644 etc/softswitch/softswitch.yaml
install -m 644 "$root/eng/systemd/softswitch@.service" lib/systemd/system/
# The one that goes by the program's own name is the same with that name.
sed '1s/softswitch@NAME reads .* is NAME to/softswitch reads \/etc\/softswitch\/softswitch.yaml and is softswitch to/; s/OpenFlow switch %i/OpenFlow switch/; s/%i/softswitch/g' \
  "$root/eng/systemd/softswitch@.service" >lib/systemd/system/softswitch.service
runtime=$(sed -n '/Microsoft.NETCore.App/{n;s/.*"version": "\(.*\)".*/\1/p}' usr/lib/softswitch/softswitch.runtimeconfig.json)
gzip -9nc "${NUGET_PACKAGES:-$HOME/.nuget/packages}/microsoft.netcore.app.runtime.linux-x64/$runtime/THIRD-PARTY-NOTICES.TXT" \
  >usr/share/doc/softswitch/THIRD-PARTY-NOTICES.gz
install -m 644 "$here/softswitch.overrides" usr/share/lintian/overrides/softswitch
install -m 755 "$here"/{postinst,prerm,postrm} DEBIAN/
find etc -type f -printf '/%p\n' | sort >DEBIAN/conffiles
pack softswitch
