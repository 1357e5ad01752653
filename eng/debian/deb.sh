# Sourced by eng/package, which sets $root and $dotnet: makes softswitch_VERSION_amd64.deb and has lintian judge it.

# package_deb [FOLDER]: the same source makes the same file, to the byte.
package_deb() {
  local folder=${1:-$root/artifacts} here=$root/eng/debian work=$root/artifacts/deb version
  command -v dpkg-deb >/dev/null || { echo "package: dpkg-deb is needed (apt-get install dpkg)" >&2 && return 2; }
  version=$(sed -n 's:.*<Version>\(.*\)</Version>.*:\1:p' "$root/Directory.Build.props")
  export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct 2>/dev/null || date +%s)}
  rm -rf -- "$work/tree" && mkdir -p "$folder" "$work/tree" && folder=$(readlink -f -- "$folder") || return 2
  root=$root dotnet=$dotnet here=$here work=$work folder=$folder version=$version bash "$here/tree.sh" || return 2
  if command -v lintian >/dev/null; then
    lintian --allow-root --fail-on error "$folder/softswitch_${version}_amd64.deb" >&2 || return 2
  else
    echo "package: lintian is not installed, so nobody judged the package" >&2
  fi
  ls -- "$folder/softswitch_${version}_amd64.deb"
}
