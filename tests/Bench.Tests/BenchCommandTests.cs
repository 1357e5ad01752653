using System.CommandLine;
using Softswitch.Bench.Commands;
using Softswitch.Hosting.Configuration;

namespace Softswitch.Bench.Tests;

/// <summary>What <c>softswitch bench</c> says of itself, and what it refuses.</summary>
public sealed class BenchCommandTests
{
    [Fact]
    public void The_help_says_how_long_each_benchmark_takes()
    {
        Assert.Equal(
            ["pipeline", "churn", "flowmod", "stall", "packetin", "netfpga", "io", "vhost", "latency", "topology", "compare", "report"],
            BenchCommand.Create().Subcommands.Select(command => command.Name));
        Assert.All(BenchCommand.Create().Subcommands, command => Assert.Matches("Takes about [0-9]+ (s|min) by default", command.Description));
    }

    [Theory]
    [InlineData("--frame: 59 is not from 60 to 1514", "pipeline", "--frame", "59")]
    [InlineData("--rate: 'fast' is neither a number nor max", "churn", "--rate", "fast")]
    [InlineData("--rows: there is no row 'fast': ", "compare", "--rows", "fast")]
    [InlineData("--rounds: 0 is not from 1 to 1000", "compare", "--rounds", "0")]
    [InlineData("--ovs-config: 'smc' is not KEY=VALUE", "compare", "--ovs-config", "smc")]
    public void What_cannot_be_measured_is_said_in_a_line(string expected, params string[] arguments)
    {
        var plain = new InvocationConfiguration { EnableDefaultExceptionHandler = false };
        string message = Assert.Throws<OptionException>(() => BenchCommand.Create().Parse(arguments).Invoke(plain)).Message;
        Assert.StartsWith(expected, Assert.Single(message.Split('\n')), StringComparison.Ordinal);
    }
}
