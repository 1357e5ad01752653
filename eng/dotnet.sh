# Sourced by ./softswitch and ./test: where dotnet is, and whether it can build this.

# The SDK that Directory.Build.props asks for: net10.0.
readonly sdk_major=10

# Sets $dotnet to the first dotnet found: on PATH, in DOTNET_ROOT, or where installers put it.
find_dotnet() {
  local candidate
  dotnet=$(command -v dotnet) && return 0
  for candidate in "${DOTNET_ROOT:-}" "${HOME:-}/.dotnet" /usr/share/dotnet /usr/lib/dotnet /usr/local/share/dotnet /opt/dotnet; do
    if [[ -n $candidate && -x $candidate/dotnet ]]; then
      dotnet=$candidate/dotnet
      return 0
    fi
  done
  echo "$program: no dotnet found: install the .NET SDK $sdk_major (https://dotnet.microsoft.com/download) or put it on PATH" >&2
  return 1
}

# True if $dotnet has an SDK that can build; one line on standard error if not.
require_sdk() {
  local version newest=none
  while read -r version _; do
    newest=$version
    [[ ${version%%.*} =~ ^[0-9]+$ ]] && ((${version%%.*} >= sdk_major)) && return 0
  done < <("$dotnet" --list-sdks 2>/dev/null)
  echo "$program: needs the .NET SDK $sdk_major or newer, newest found by $dotnet is $newest: install it from https://dotnet.microsoft.com/download" >&2
  return 1
}

# Builds without asking, without telemetry, and without leaving servers behind that hold our descriptors.
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1
readonly build_options=(--configuration Release --verbosity quiet --disable-build-servers -nologo)

# dotnet wants a home to write to, which service users such as nobody lack.
give_dotnet_a_home() {
  if [[ ! -w ${HOME:-/nonexistent} ]]; then
    export DOTNET_CLI_HOME=$root/artifacts/home NUGET_PACKAGES=$root/artifacts/packages
  fi
}
