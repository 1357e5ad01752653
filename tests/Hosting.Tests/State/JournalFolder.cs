using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Hosting.State;
using Softswitch.OfAgent.Agent;
using Softswitch.Testing;

namespace Softswitch.Hosting.Tests.State;

/// <summary>A folder for a switch's journal, a clock for the journal, and what it logs.</summary>
public abstract class JournalFolder : IDisposable
{
    private protected string Folder { get; } = Directory.CreateTempSubdirectory("softswitch-state-").FullName;

    private protected ConcurrentQueue<string> Lines { get; } = new();

    private protected TestTime Clock { get; } = new() { Wall = DateTimeOffset.UnixEpoch };

    private protected ILogger Log => new LineLogger(Lines.Enqueue);

    private protected string JournalPath => Path.Combine(Folder, "flows.journal");

    public void Dispose()
    {
        Directory.Delete(Folder, recursive: true);
        GC.SuppressFinalize(this);
    }

    private protected StateJournal Begin(DatapathControl control, string? folder = null) =>
        StateJournal.Begin(control, StateFolder.Open(folder ?? Folder, Log), new StateClock(Clock, new Guid(1, 2, 3, new byte[8])), Lines.Enqueue, Log);

    /// <summary>The journal waits a second or ten before it tries again; its clock is ours.</summary>
    private protected bool Later(Func<bool> holds)
    {
        Clock.Advance(TimeSpan.FromSeconds(1));
        return holds();
    }

    private protected static void AddFlows(TestSwitch sut, int count)
    {
        for (int i = 0; i < count; i++)
        {
            FlowMod mod = TestSwitch.Flow(FlowMatch.Any with { Wildcards = FlowWildcards.All & ~FlowWildcards.InPort, InPort = (ushort)(i + 1) }, 5);
            mod.Actions = new[] { FlowAction.Output(2) };
            Assert.Equal(ControlError.None, Apply(sut, mod));
        }
    }

    /// <summary>With the control lock: the journal's thread reads the tables.</summary>
    private protected static ControlError Apply(TestSwitch sut, in FlowMod mod)
    {
        using ControlScope scope = sut.Control.Enter();
        return sut.Control.Apply(mod);
    }

    private protected static void Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(program, arguments);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }
}
