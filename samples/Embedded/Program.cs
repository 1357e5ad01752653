using Softswitch.Hosting;
using Softswitch.Hosting.Configuration;

// As root: forwards between two interfaces and prints what it drops, until Ctrl-C.
var options = new SwitchOptions { Ports = [$"1={args[0]}", $"2={args[1]}"] };
await using SwitchHost host = SwitchHost.Start(options, Console.Error.WriteLine);
host.AddFlow("in_port=1,actions=output:2");
host.AddFlow("in_port=2,actions=output:1");

using var stop = new ManualResetEventSlim();
Console.CancelKeyPress += (_, end) => { end.Cancel = true; stop.Set(); };
while (!stop.Wait(1000))
{
    Console.WriteLine($"dropped: {string.Join(", ", host.ReadDrops())}");
}
