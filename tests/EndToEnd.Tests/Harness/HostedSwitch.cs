using System.Text;
using Softswitch.Commands;
using Softswitch.Hosting;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Logging;
using Softswitch.NetFpga.Registers;
using Softswitch.Ports;
using Softswitch.Testing;
using Softswitch.Web;

namespace Softswitch.EndToEnd.Tests.Harness;

/// <summary>What <c>run</c> starts, in this process, with its threads and sockets in a namespace: most tests need a switch, and no process of its own.</summary>
internal sealed class HostedSwitch : IDisposable
{
    private readonly Transcript _said = new();
    private readonly Transcript _logged = new();
    private readonly StreamLog _log;
    private readonly SwitchGroup _group;

    private HostedSwitch(LabNode inside, SwitchGroupOptions options)
    {
        _log = new StreamLog(_logged, options.LogFormat, options.LogLevel, TimeProvider.System);
        try
        {
            _group = inside.Run(() =>
            {
                SwitchGroup group = SwitchGroup.Start(options with { IsNamedByDefault = true }, line => _said.Write(Encoding.UTF8.GetBytes($"{line}\n")), _log);
                ManagementServer.Serve(group);
                return group;
            });
        }
        catch
        {
            _log.Dispose();
            throw;
        }
    }

    /// <summary>What <c>run</c> would have printed.</summary>
    public string Output => _said.ToString();

    /// <summary>Its log.</summary>
    public string Error => _logged.ToString();

    /// <summary>Starts a switch with the arguments of <c>run</c>; it forwards when this returns.</summary>
    /// <param name="inside">The namespace of its ports and connections.</param>
    /// <exception cref="OptionException">They are refused.</exception>
    /// <exception cref="PortException">A port cannot be opened.</exception>
    public static HostedSwitch Start(LabNode inside, params string[] arguments) => new(inside, RunCommand.Read(arguments));

    /// <summary>Why a switch with these arguments does not start: what <c>run</c> prints before it ends with 2.</summary>
    public static string Refusal(LabNode inside, params string[] arguments)
    {
        Exception refused = Assert.ThrowsAny<Exception>(() => Start(inside, arguments).Dispose());
        Assert.True(refused is OptionException or PortException or RegisterAccessException, refused.ToString());
        return refused.Message;
    }

    /// <summary>Waits until it has said or logged this.</summary>
    public void WaitForText(string text) => Eventually.True(
        () => Output.Contains(text, StringComparison.Ordinal) || Error.Contains(text, StringComparison.Ordinal), () => $"'{text}' in {Output}{Error}");

    /// <summary>Ends it in order, as SIGTERM does a process; fails the test if the switch has failed, as the process would have ended with 1.</summary>
    public void Dispose()
    {
        try
        {
            _group.ThrowIfFailed();
        }
        finally
        {
            _group.Dispose();
            _log.Dispose();
        }
    }

    /// <summary>A stream that is read while others write to it.</summary>
    private sealed class Transcript : MemoryStream
    {
        private readonly Lock _lock = new();

        public override void Write(byte[] buffer, int offset, int count) // spans come here too
        {
            lock (_lock)
            {
                base.Write(buffer, offset, count);
            }
        }

        public override string ToString()
        {
            lock (_lock)
            {
                return Encoding.UTF8.GetString(ToArray());
            }
        }
    }
}
