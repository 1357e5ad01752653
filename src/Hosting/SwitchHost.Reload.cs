using System.Security.Cryptography;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Reloading;
using Softswitch.OfAgent.Agent;
using Softswitch.OfAgent.Connections;
using Softswitch.Ports;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Specs;

namespace Softswitch.Hosting;

/// <content>Its configuration, which is read again on demand: all of a change is done, or nothing.</content>
public sealed partial class SwitchHost
{
    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(100);

    private readonly Lock _reloading = new(); // taken before all others
    private readonly List<TlsCredentials> _credentials = []; // those before may be in use by connections
    private byte[] _credentialsHash = [];
    private IReadOnlyList<string> _pending = [];

    /// <summary>A line for each change that takes a new start, as of the last reload.</summary>
    internal IReadOnlyList<string> Pending => _pending;

    /// <summary>Judges options without opening anything: the files of TLS, and what only all options together show. A reader has judged each alone.</summary>
    /// <param name="withFlows">Whether the flows to begin with are read, too.</param>
    /// <returns>The options, with a number for every port.</returns>
    /// <exception cref="OptionException">A line for each that is wrong.</exception>
    internal static SwitchOptions Check(SwitchOptions options, bool withFlows = false)
    {
        List<string> errors = [];
        SwitchOptions complete = Try(options.Complete, errors) ?? options;
        if (withFlows)
        {
            Try<object>(() => CheckFlows(complete), errors);
        }
        using TlsCredentials? loaded = Try(() => LoadTls(options), errors);
        return errors.Count == 0 ? complete : throw new OptionException(errors);
    }

    /// <summary>What is in force, as it would have to be given; ports that are the program's own are left out.</summary>
    /// <exception cref="ObjectDisposedException">The switch has ended.</exception>
    internal SwitchOptions ReadOptions()
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        PortSettings[] ports = [.. ReadPortStates().Where(port => port.Port.Spec.Kind != PortKind.Program)];
        return _options with
        {
            DatapathId = DatapathId,
            Ports = [.. ports.Select(port => port.Port)],
            Queues = [.. ports.SelectMany(port => port.Queues)],
        };
    }

    /// <summary>Applies other options: all of the difference, or nothing. The calling thread is in the switch's network namespace.</summary>
    /// <param name="wanted">Judged alone, with numbers for ports.</param>
    /// <returns>A line for each change; nothing where there is none.</returns>
    /// <exception cref="OptionException">
    /// A line for each thing that is wrong, for the caller to tell the log. Everything is as it was then, but for what the lines say.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The switch has ended.</exception>
    internal IReadOnlyList<string> Reconfigure(SwitchOptions wanted)
    {
        BeginChange();
        Reconfiguration steps = new();
        try
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            return Reconfigure(wanted, steps);
        }
#pragma warning disable CA1031 // whatever it is, the switch goes on as it was
        catch (Exception e) when (e is not ObjectDisposedException)
#pragma warning restore CA1031
        {
            throw new OptionException([.. ReasonsOf(e), .. steps.Undo()]);
        }
        finally
        {
            EndChange();
        }
    }

    /// <summary>Waits for a hand-over to end, and keeps others from beginning until <see cref="EndChange"/>. May be done again by the same thread.</summary>
    /// <exception cref="OptionException">The switch is another process's now.</exception>
    internal void BeginChange()
    {
        while (!_reloading.TryEnter(LookInterval))
        {
            if (_isGiven)
            {
                throw new OptionException("another process has taken the switch over"); // and whoever gave it keeps the lock
            }
        }
    }

    internal void EndChange() => _reloading.Exit();

    /// <summary>Why something could not be changed, a line for each reason.</summary>
    internal static string[] ReasonsOf(Exception e) => e is OptionException or PortException or SystemCallException or IOException
        ? e.Message.Split('\n') : [$"unexpected {e.GetType().Name}: {e.Message.ReplaceLineEndings(" ")}"];

    private static T? Try<T>(Func<T?> read, List<string> errors)
        where T : class
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is OptionException or PortException or SystemCallException)
        {
            errors.AddRange(e.Message.Split('\n'));
            return null;
        }
    }

    private static object? CheckFlows(SwitchOptions options)
    {
        StartupFlows.Check(options);
        return null;
    }

    private IReadOnlyList<PortSettings> ReadPortStates() => [.. Ports.ReadConfiguration().Select(port => new PortSettings(port.Port, port.Queues))];

    private List<string> Reconfigure(SwitchOptions wanted, Reconfiguration steps)
    {
        SwitchOptions now = ReadOptions();
        wanted = wanted with { DatapathId = wanted.DatapathId ?? DatapathId };
        PortSettings[] wantedPorts = [.. wanted.Ports.Select(port => new PortSettings(port, [.. wanted.Queues.Where(queue => queue.Port == port.Number)]))];
        PortChanges ports = PortChanges.Plan(ReadPortStates(), wantedPorts, _options.InBand);
        (IReadOnlyList<ConnectionTarget> newControllers, IReadOnlyList<ConnectionTarget> oldControllers) =
            PortChanges.Difference(now.Agent.Controllers, wanted.Agent.Controllers);
        (IReadOnlyList<ConnectionTarget> newListeners, IReadOnlyList<ConnectionTarget> oldListeners) =
            PortChanges.Difference(now.Agent.Listeners, wanted.Agent.Listeners);
        SwitchAgent agent = _agent!;
        List<string> report = [.. ports.Report];

        // What may fail comes first, and what others could not get back comes last.
        OpenAll(ports.First, steps);
        RenewTls(wanted, agent, report, steps);
        steps.DoAll(oldListeners.Where(old => newListeners.Any(old.Overlaps)), agent.RemoveListener, agent.AddListener);
        steps.DoAll(newListeners, agent.AddListener, agent.RemoveListener);
        steps.DoAll(newControllers, agent.AddController, agent.RemoveController);
        foreach ((PortSettings before, PortSettings after) in ports.Configured)
        {
            steps.Do(() => Ports.Configure(after.Port, after.Queues), () => Ports.Configure(before.Port, before.Queues));
        }
        foreach (PortSettings port in ports.Closed)
        {
            steps.Do(() => Ports.Close(port.Port.Number), () => Ports.Restore(port.Port, port.Queues));
        }
        OpenAll(ports.Last, steps);

        // Nothing of this can fail.
        foreach (ConnectionTarget listener in oldListeners.Where(old => !newListeners.Any(old.Overlaps)))
        {
            agent.RemoveListener(listener);
        }
        foreach (ConnectionTarget controller in oldControllers)
        {
            agent.RemoveController(controller);
        }
        agent.Change(wanted.Agent.FailMode, wanted.Agent.EmergencyAttempts);
        using (EnterWithoutTable())
        {
            Control.PacketIns.Limit(wanted.Datapath.PacketInRate, wanted.Datapath.PacketInBurst);
        }
        _inBand?.Follow(wanted.Agent.Controllers, agent.ListenPorts);
        SwitchOption[] own = [.. SwitchOption.All.Where(option => option.Scope is OptionScope.Switch or OptionScope.OneSwitch)]; // the others are the process's to report
        _pending = [.. ports.Pending, .. own.Where(option => option.OnReload == null).SelectMany(option => Compare(option, now, wanted)).Select(line => $"{line} needs a new start")];
        report.AddRange(own.Where(option => option.OnReload != null && option.Name is not ("port" or "queue")).SelectMany(option => Compare(option, now, wanted)));
        _options = _options with
        {
            Agent = _options.Agent with
            {
                Controllers = wanted.Agent.Controllers,
                Listeners = wanted.Agent.Listeners,
                FailMode = wanted.Agent.FailMode,
                EmergencyAttempts = wanted.Agent.EmergencyAttempts,
            },
            Datapath = _options.Datapath with { PacketInRate = wanted.Datapath.PacketInRate, PacketInBurst = wanted.Datapath.PacketInBurst },
            Tls = wanted.Tls,
        };
        return report;
    }

    private void OpenAll(IReadOnlyList<PortSettings> ports, Reconfiguration steps) =>
        steps.DoAll(ports, port => Ports.Open(port.Port, port.Queues), port => Ports.Close(port.Port.Number));

    /// <summary>A line for each difference.</summary>
    internal static IEnumerable<string> Compare(SwitchOption option, SwitchOptions before, SwitchOptions after)
    {
        (IReadOnlyList<string> added, IReadOnlyList<string> removed) = PortChanges.Difference(option.Show(before), option.Show(after));
        return option.IsRepeatable
            ? [.. removed.Select(value => $"{option.Name} {value}: removed"), .. added.Select(value => $"{option.Name} {value}: added")]
            : added.Count + removed.Count == 0 ? []
            : [$"{option.Name}: {removed.FirstOrDefault("none")} -> {added.FirstOrDefault("none")}"];
    }

    /// <summary>Certificates are renewed under the same names.</summary>
    private void RenewTls(SwitchOptions wanted, SwitchAgent agent, List<string> report, Reconfiguration steps)
    {
        byte[] hash = HashOf(wanted.Tls);
        if (wanted.Tls == null || hash.AsSpan().SequenceEqual(_credentialsHash))
        {
            return;
        }
        TlsCredentials renewed = LoadTls(wanted)!;
        _credentials.Add(renewed);
        (byte[] oldHash, TlsCredentials? old) = (_credentialsHash, agent.Options.Tls);
        steps.Do(
            () =>
            {
                agent.UseTls(renewed);
                _credentialsHash = hash;
            },
            () =>
            {
                agent.UseTls(old);
                _credentialsHash = oldHash;
            });
        if (wanted.Tls == _options.Tls)
        {
            report.Add("private-key, certificate and CA: read again");
        }
    }

    private static byte[] HashOf(TlsFiles? files) => files == null ? [] : HashOfContent(files);

    // Apart, so that a switch without TLS does not load what hashes.
    private static byte[] HashOfContent(TlsFiles files)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (string path in (string[])[files.PrivateKey, files.Certificate, files.CaCertificate])
        {
            if (File.Exists(path)) // the CA of a bootstrap comes later
            {
                hash.AppendData(File.ReadAllBytes(path));
            }
            hash.AppendData("\0"u8);
        }
        return hash.GetHashAndReset();
    }
}
