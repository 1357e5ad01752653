# Sourced by eng/package, which sets $root and $dotnet: makes softswitch_VERSION_amd64.deb and
# softswitch-lab_VERSION_amd64.deb and has lintian judge them.

# package_deb [FOLDER]: the same source makes the same files, to the byte.
package_deb() {
  local folder=${1:-$root/artifacts} here=$root/eng/debian work=$root/artifacts/deb version packages
  command -v dpkg-deb >/dev/null || { echo "package: dpkg-deb is needed (apt-get install dpkg)" >&2 && return 2; }
  version=$(sed -n 's:.*<Version>\(.*\)</Version>.*:\1:p' "$root/Directory.Build.props")
  export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct 2>/dev/null || date +%s)}
  rm -rf -- "$work"/{published,manual,softswitch,softswitch-lab} && mkdir -p "$folder" "$work" && folder=$(readlink -f -- "$folder") || return 2
  root=$root dotnet=$dotnet here=$here work=$work folder=$folder version=$version bash "$here/tree.sh" || return 2
  packages=("$folder"/softswitch{,-lab}"_${version}_amd64.deb")
  if command -v lintian >/dev/null; then
    lintian --allow-root --fail-on error "${packages[@]}" >&2 || return 2
  else
    echo "package: lintian is not installed, so nobody judged the packages" >&2
  fi
  ls -U -- "${packages[@]}" # the switch first, in whatever locale
}
