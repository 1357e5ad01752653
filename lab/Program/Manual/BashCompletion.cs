using System.CommandLine;
using System.Globalization;
using System.Text;
using Softswitch.Hosting.Configuration;

namespace Softswitch.Lab.Manual;

/// <summary>A script that completes the command line in bash, without starting the program.</summary>
internal static class BashCompletion
{
    // By the path of commands: what may follow; by the path and an option: what its value is; by the path: what its arguments are.
    private const string Words = "_softswitch_words";
    private const string Values = "_softswitch_values";
    private const string Arguments = "_softswitch_arguments";

    private const string Function = """
        _softswitch()
        {
            local line=${COMP_LINE:0:COMP_POINT} words cur previous word path=softswitch kind replies
            # bash parts words at ':' and '=', too; what it replaces is the last of these parts
            read -ra words <<<"$line"
            [[ $line != *[[:space:]] ]] || words+=("")
            cur=${words[-1]} previous=${words[-2]:-}
            for word in "${words[@]:1:${#words[@]}-2}"; do
                [[ -z ${_softswitch_words["$path $word"]:-} ]] || path+=" $word"
            done
            kind=${_softswitch_values["$path $previous"]:-}
            [[ -n $kind ]] || kind="${_softswitch_words["$path"]} ${_softswitch_arguments["$path"]:-}"
            replies=
            for word in $kind; do
                case $word in
                    -*) [[ $cur != -* ]] || replies+=" $word" ;;
                    FILE) compopt -o filenames; mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "${cur##*[=:]}") ;;
                    TARGET) replies+=" $(_softswitch_names)" ;;
                    PORT) replies+=" $(_softswitch_ports "$cur")" ;;
                    *) replies+=" $word" ;;
                esac
            done
            mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(
                word=${cur%"${cur##*[=:]}"} # what bash leaves as it is
                compgen -W "$replies" -- "$cur" | while read -r line; do echo "${line#"$word"}"; done)
            [[ ${#COMPREPLY[@]} != 1 || ${COMPREPLY[0]} != *: ]] || compopt -o nospace
        }

        _softswitch_names()
        {
            local folder=${SOFTSWITCH_RUNDIR:-} socket
            if [[ -z $folder ]]; then
                ((EUID == 0)) && folder=/run/softswitch || folder=${XDG_RUNTIME_DIR:-}/softswitch
            fi
            for socket in "$folder"/*.sock; do
                [[ ! -S $socket ]] || basename "$socket" .sock
            done
        }

        # Interfaces behind what was typed of [N=][KIND:], and the kinds where there is none yet.
        _softswitch_ports()
        {
            local number= kind= interface
            [[ $1 != [0-9]*=* ]] || number=${1%%=*}=
            kind=${1#"$number"}
            [[ $kind == *:* ]] && kind=${kind%%:*}: || { kind= && printf "$number%s " packet: xdp: tap: vhost-user: replay: pcap: null: patch: vxlan: gre: ipip: capsulator:; }
            case $kind in
                "" | packet: | xdp: | tap:)
                    for interface in /sys/class/net/*; do
                        [[ ! -e $interface/ifindex ]] || echo "$number$kind${interface##*/}"
                    done ;;
            esac
        }

        complete -F _softswitch softswitch
        """;

    public static string Of(Command root)
    {
        StringBuilder words = new(), values = new(), arguments = new();
        foreach ((string[] path, Command command) in CommandTree.Walk(root, "softswitch"))
        {
            string key = string.Join(' ', path);
            Option[] options = [.. CommandTree.AllOptionsOf(command)];
            IEnumerable<string> all = [.. CommandTree.SubcommandsOf(command).Select(below => below.Name), .. options.SelectMany(CommandTree.NamesOf), "--help"];
            Append(words, key, string.Join(' ', !command.Parents.Any() ? all.Append("--version") : all));
            foreach (Option option in options)
            {
                foreach (string name in CommandTree.NamesOf(option))
                {
                    Append(values, $"{key} {name}", KindOf(name, CommandTree.ValueOf(option)));
                }
            }
            Append(arguments, key, string.Join(' ', command.Arguments.Select(argument => KindOf("", CommandTree.NameOf(argument)))).Trim());
        }
        return $"# bash completion for softswitch, made by it\ndeclare -A {Words}=(\n{words})\ndeclare -A {Values}=(\n{values})\ndeclare -A {Arguments}=(\n{arguments})\n\n{Function}\n";
    }

    /// <summary>What stands for something to be looked up, or the words themselves; a blank for a value that only the user knows.</summary>
    private static string KindOf(string option, string? value) =>
        value == null ? string.Empty
        : option == "--port" ? "PORT"
        : value.Contains("TARGET", StringComparison.Ordinal) || value == ControlSockets.TargetForm ? "TARGET"
        : value.Contains("FILE", StringComparison.OrdinalIgnoreCase) ? "FILE"
        : CommandTree.WordsOf(value) is { Length: > 0 } words ? string.Join(' ', words)
        : " ";

    private static void Append(StringBuilder table, string key, string value)
    {
        if (value.Length > 0)
        {
            table.Append(CultureInfo.InvariantCulture, $"    ['{key}']='{value}'\n");
        }
    }
}
