using System.CommandLine;
using Softswitch.Hosting.Configuration;
using Softswitch.Scenarios.Commands;

namespace Softswitch.Scenarios.Tests.Commands;

/// <summary>What <c>softswitch scenario</c> is asked to do.</summary>
public sealed class ScenarioCommandTests
{
    [Theory]
    [InlineData("'nothing' is no scenario", "nothing")]
    [InlineData("--keep: leaves one scenario running", "all", "--keep")]
    [InlineData("--pcap: ", "victor", "--pcap", "/proc/no/such/folder")]
    [InlineData("--report: ", "victor", "--report", "/proc/no/such/folder")]
    [InlineData("--repeat: needs --out DIR", "victor", "--repeat", "2")]
    [InlineData("--out: is for what --sweep, --repeat or --figure find", "victor", "--out", "/proc/no/such/folder")]
    [InlineData("--repeat: is for one scenario; name it", "all", "--repeat", "2", "--out", "/proc/no/such/folder")]
    [InlineData("--repeat: '0' is not allowed", "victor", "--repeat", "0", "--out", "/proc/no/such/folder")]
    [InlineData("--repeat: does not go with --json", "victor", "--repeat", "2", "--out", "/proc/no/such/folder", "--json")]
    [InlineData("--sweep: 'colour' is no parameter of victor", "victor", "--sweep", "colour=1,2", "--out", "/proc/no/such/folder")]
    public void What_cannot_be_done_is_refused_before_anything_starts(string reason, params string[] arguments)
    {
        var plain = new InvocationConfiguration { EnableDefaultExceptionHandler = false };
        string message = Assert.Throws<OptionException>(() => ScenarioCommand.Create().Parse(arguments).Invoke(plain)).Message;
        Assert.StartsWith(reason, Assert.Single(message.Split('\n')), StringComparison.Ordinal);
    }
}
