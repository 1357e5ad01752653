using System.Net.Sockets;
using System.Text.RegularExpressions;
using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests;

/// <summary>Manual and completion as packages carry them: made from the commands, and judged by the programs that read them.</summary>
[Trait("Ring", "all")]
public sealed class ManualTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("softswitch-manual-").FullName;

    public ManualTests() => SwitchProgram.Execute("manual", _folder, Path.Combine(Repository.Root, "docs")).Checked();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Each_command_has_a_page_that_neither_mandoc_nor_man_complains_of()
    {
        Needs.Program("mandoc");
        Needs.Program("lexgrog");
        string[] pages = [.. Directory.GetFiles(_folder).Where(page => char.IsAsciiDigit(page[^1]))];
        Assert.Contains($"{_folder}/softswitch.1", pages);
        Assert.Contains($"{_folder}/softswitch-run.1", pages);
        Assert.Contains($"{_folder}/softswitch-ofctl.1", pages);
        Assert.Superset(new HashSet<string>([$"{_folder}/softswitch.yaml.5", $"{_folder}/softswitch-ports.7", $"{_folder}/softswitch-drops.7"]), pages.ToHashSet());
        Assert.Empty(RunningCommand.Execute("mandoc", ["-T", "lint", "-W", "warning", .. pages]).Output);
        foreach (string page in pages)
        {
            // What apropos finds: a name and a line.
            Assert.Matches("softswitch.* - ..", RunningCommand.Execute("lexgrog", page).Checked().Output);
            Assert.Empty(RunningCommand.Execute("env", "LC_ALL=C.UTF-8", "MAN_KEEP_STDERR=1", "man", "--warnings", "-l", "-Tutf8", "-Z", page).Checked().Error);
        }
    }

    [Fact]
    public void A_page_has_every_option_of_the_help()
    {
        Needs.Program("mandoc");
        string page = RunningCommand.Execute("mandoc", "-T", "ascii", "-O", "width=200", $"{_folder}/softswitch-run.1").Checked().Output.Replace("_\b", "", StringComparison.Ordinal);
        page = Regex.Replace(page, ".\b", "");
        string help = SwitchProgram.Execute("run", "--help").Checked().Output;
        string[] options = [.. help.Split('\n').Select(line => line.Trim().Split(' ')[0]).Where(word => word.StartsWith("--", StringComparison.Ordinal))];
        Assert.Contains("--fail-mode", options);
        Assert.All(options, option => Assert.Contains($" {option} ", page.Replace('\n', ' '), StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("softswitch ru", "run")]
    [InlineData("softswitch port ", "add del list")]
    [InlineData("softswitch ofctl add-f", "add-flow add-flows")]
    [InlineData("softswitch run --fail-", "--fail-mode")]
    [InlineData("softswitch run --fail-mode ", "standalone secure")]
    [InlineData("softswitch run --port 1=l", "lo")] // bash has taken "1=" for a word of its own
    [InlineData("softswitch run --name a --port 2=xdp:l", "lo")]
    [InlineData("softswitch run --config FOLDER/softswitch.b", "FOLDER/softswitch.bash")]
    [InlineData("softswitch status ", "br0 br1")]
    [InlineData("softswitch port add br1", "br1")]
    [InlineData("softswitch run --take-over br", "br0 br1")]
    [InlineData("softswitch ofctl show br", "br0 br1")]
    public void Bash_completes(string line, string expected)
    {
        using Socket one = Bind("br0"), other = Bind("br1");
        // What bash does on the tab key, without its editor; compopt is for that.
        const string script = """
            compopt() { :; }
            source "$1/softswitch.bash" && [[ $(complete -p softswitch) == *" -F _softswitch softswitch" ]] || exit 1
            COMP_LINE=$2 COMP_POINT=${#2} COMPREPLY=()
            _softswitch
            echo "${COMPREPLY[*]}"
            """;
        CommandResult result = RunningCommand.Execute(
            "env", $"SOFTSWITCH_RUNDIR={_folder}", "bash", "-euc", script, "bash", _folder, line.Replace("FOLDER", _folder, StringComparison.Ordinal)).Checked();
        Assert.Empty(result.Error);
        Assert.Equal(expected.Replace("FOLDER", _folder, StringComparison.Ordinal), result.Output.TrimEnd());
    }

    private Socket Bind(string name)
    {
        Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint($"{_folder}/{name}.sock"));
        return socket;
    }
}
