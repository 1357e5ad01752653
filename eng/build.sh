# Sourced by ./softswitch and ./test, which set $program and $root: where dotnet is, and one build at a time.

# The SDK that Directory.Build.props asks for: net10.0.
readonly sdk_major=10

readonly build_state=$root/artifacts/build

# MSBuild takes WithSharpPcap=true from the environment (Directory.Build.props).
[[ ${WithSharpPcap:-} == [Tt]rue ]] && readonly variant="with SharpPcap" || readonly variant="as usual"

# Sets $dotnet to the first dotnet found: on PATH, in DOTNET_ROOT, or where installers put it.
find_dotnet() {
  local folder
  dotnet=$(command -v dotnet) && return 0
  for folder in "${DOTNET_ROOT:-}" "${HOME:-}/.dotnet" /usr/share/dotnet /usr/lib/dotnet /usr/local/share/dotnet /opt/dotnet; do
    if [[ -n $folder && -x $folder/dotnet ]]; then
      dotnet=$folder/dotnet
      return 0
    fi
  done
  echo "$program: no dotnet found: install the .NET SDK $sdk_major (https://dotnet.microsoft.com/download) or put it on PATH" >&2
  return 1
}

# Sets $sdk to the folder of the newest SDK of $dotnet, which builds; one line on standard error if it is too old.
require_sdk() {
  local version folder newest=none
  while read -r version folder; do
    newest=$version sdk=${folder//[\[\]]/}/$version
  done < <("$dotnet" --list-sdks 2>/dev/null)
  [[ ${newest%%.*} =~ ^[0-9]+$ ]] && ((${newest%%.*} >= sdk_major)) && return 0
  echo "$program: needs the .NET SDK $sdk_major or newer, newest found by $dotnet is $newest: install it from https://dotnet.microsoft.com/download" >&2
  return 1
}

# is_built TARGET, a project or the solution: true while no source is newer than its last build, or the solution's, which was
# of the variant that is asked for. The stamp is as old as the start of that build, so what is edited meanwhile is newer.
# Folders count too: they change when a file goes. What a program is not built from is no source of it.
is_built() {
  local stamp folder others=()
  case ${1#"$root"/} in
    src/*) set -- "$1" tests samples lab bench scenarios ;;
    lab/*) set -- "$1" tests samples ;;
  esac
  for folder in "${@:2}"; do others+=(-o -path "$root/$folder"); done
  for stamp in "$build_state/${1##*/}.stamp" "$build_state/Softswitch.sln.stamp"; do
    [[ -f $stamp && $(<"$stamp") == "$variant" ]] || continue
    [[ -n $(find "$root" -mindepth 1 \( -name bin -o -name obj -o -name artifacts -o -name docs -o -name '.*' ! -name .editorconfig "${others[@]}" \) \
      -prune -o ! -name '*.md' -newer "$stamp" -print -quit) ]] || return 0
  done
  return 1
}

# build TARGET: builds Release unless that is built, one build at a time in this checkout; a program only to run it, without
# analyzers and comments (Directory.Build.props). Output goes to $build_state/log and is shown if the build fails.
build() {
  is_built "$1" && return 0
  require_sdk || return 2
  if ! mkdir -p "$build_state" 2>/dev/null || [[ ! -w $build_state || ! -w $root/src ]]; then
    echo "$program: needs a build, and $root is not writable by $(id -un): run ./softswitch --help once as its owner" >&2
    return 2
  fi
  local stamp=$build_state/${1##*/}.stamp project only_to_run=false
  [[ ${1#"$root"/} != @(src|lab)/* ]] || only_to_run=true
  exec 9>"$build_state/lock"
  flock 9
  if is_built "$1"; then # by whoever held the lock before us
    exec 9>&-
    return 0
  fi
  while read -r project; do
    mkdir -p "${project%/*}/bin" "${project%/*}/obj" # made by the build they would be newer than the stamp
  done < <(find "$root" -name '*.csproj')
  echo "$variant" >"$stamp.new"
  # One compiler serves all projects, the first of which warm it up; nobody else's, and not left behind. What a compiler learns
  # of itself while it runs does not pay within a build. Ended by a signal, dotnet returns 0 and has not said that it succeeded.
  trap 'end_compiler; exit 130' INT TERM
  DOTNET_CLI_UI_LANGUAGE=en DOTNET_TieredPGO=0 MSBUILDDISABLENODEREUSE='' "$dotnet" build "$1" --configuration Release --verbosity quiet \
    -nologo -nodeReuse:false -p:UseSharedCompilation=true -p:SharedCompilationId=softswitch-$$ -p:OnlyToRun=$only_to_run \
    >"$build_state/log" 2>&1 </dev/null 9>&-
  end_compiler
  trap - INT TERM
  if ! grep -q '^Build succeeded' "$build_state/log"; then
    cat "$build_state/log" >&2
    echo "$program: the build failed; its output is above" >&2
    return 2
  fi
  mv -f "$stamp.new" "$stamp"
  exec 9>&-
}

end_compiler() {
  "$dotnet" "$sdk/Roslyn/bincore/VBCSCompiler.dll" -pipename:softswitch-$$ -shutdown >/dev/null 2>&1 9>&-
}

# Builds without questions and without telemetry; dotnet wants a home to write to, which users such as nobody lack.
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1
if [[ ! -w ${HOME:-/nonexistent} ]]; then
  export DOTNET_CLI_HOME=$root/artifacts/home NUGET_PACKAGES=$root/artifacts/packages
fi
