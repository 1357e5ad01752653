using System.Text;
using Softswitch.Commands;
using Softswitch.Hosting.Configuration;

namespace Softswitch.Fuzz.Tests.Targets;

/// <summary>A configuration file: it is taken, or each line of the error names the option.</summary>
internal sealed class SettingsTarget : IFuzzTarget
{
    private const string Letters = "[]{}:-#&*!|>'\"%@`?,=. \n\tab01";

    private static readonly string[] Lines =
    [
        "port: veth0", "port: [1=a, 2=b]", "port:\n  - 1=a\n  - 2=tap:t,rate=10M", "port: 3=vxlan:local=10.0.0.1,remote=10.0.0.2,key=7", "port: 1=a,address=10.0.0.1/24,queues=2",
        "port: replay:/tmp/x,once", "netfpga: emulator,wires=a:b:c:d,offload=strict", "queue: 1:1,min-rate=10M,max-rate=1G", "datapath-id: 00ff", "controller: tcp:127.0.0.1:6653",
        "controller: [tcp:a, 'unix:/run/x', \"ssl:[::1]:1\"]", "listen: ptcp:6654:127.0.0.1", "control: punix:/run/s", "private-key: /k", "certificate: /c", "ca-cert: /a",
        "bootstrap-ca-cert: /b", "packet-in-rate: 0", "packet-in-burst: 1", "frames: 1024", "frame-size: 4096", "buffers: 256", "buffer-timeout: 5", "action-memory: 1",
        "emergency-flows: 0", "emergency-attempts: 0", "fail-mode: standalone", "in-band: true", "workers: 2", "cpus: 0,1", "idle: spin", "stp: true", "stp-priority: 4096",
        "stp-hello: 2", "stp-max-age: 20", "stp-forward-delay: 15", "# nothing", "---",
        "switches: []", "switches:\n  - name: s1\n    port: [1=a, 'patch:c']\n  - {name: s2, port: 'patch:c', datapath-id: 7}", "name: lab",
    ];

    private static readonly string[] Words = [.. SwitchOption.All.Select(option => option.Name), "true", "&a", "*a", "<<: ", "!!map ", "switches:", "- name: ", "null", "~", "vxlan:", "tap:", "rate=", "key=", "address="];

    private readonly string _path = Path.Combine(Path.GetTempPath(), $"softswitch-fuzz-{Environment.ProcessId}.yaml");

    public string Name => "settings";

    public bool IsText => true;

    public byte[] Generate(Random random)
    {
        string text = string.Join('\n', Enumerable.Range(0, random.Next(1, 8)).Select(_ => Lines[random.Next(Lines.Length)]));
        return Encoding.UTF8.GetBytes(random.Next(4) == 0 ? text : Mutation.Change(text, random, Letters, Words));
    }

    public void Check(byte[] input)
    {
        File.WriteAllBytes(_path, input);
        try
        {
            List<string> errors = [];
            Assert.NotNull(GroupOptionsReader.Read([], SettingsFile.Read(_path, errors), null, errors));
        }
        catch (OptionException e)
        {
            Assert.All(e.Message.Split('\n'), line => Assert.True(NamesOption(line), line));
        }
        finally
        {
            File.Delete(_path);
        }
    }

    private bool NamesOption(string line) =>
        line.StartsWith("--", StringComparison.Ordinal) || line.StartsWith("switch ", StringComparison.Ordinal) || line.StartsWith(_path, StringComparison.Ordinal)
        || SwitchOption.All.Any(option => line.StartsWith($"{option.Name} '", StringComparison.Ordinal));
}
