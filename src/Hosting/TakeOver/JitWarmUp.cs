using System.Reflection;
using System.Runtime.CompilerServices;
using Softswitch.Datapath.Control;
using Softswitch.Ports.Opening;

namespace Softswitch.Hosting.TakeOver;

/// <summary>Has methods compiled before they are first called: packets are not to wait for the compiler while a switch changes hands.</summary>
/// <remarks>What is compiled ahead of time (ReadyToRun) costs next to nothing here. Without it a method takes some tenths of a millisecond.</remarks>
internal static class JitWarmUp
{
    private const BindingFlags Declared = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    // What runs from the moment at which workers stop to the first packets of their successors.
    private static readonly string[] OfSource = ["Softswitch.Datapath.Control", "Softswitch.Hosting.State", "Softswitch.Hosting.TakeOver"];
    private static readonly string[] OfTarget =
    [
        .. OfSource, "Softswitch.Datapath.Pipeline", "Softswitch.Datapath.Tables", "Softswitch.Datapath.Packets", "Softswitch.Datapath.Flows",
        "Softswitch.Datapath.Memory", "Softswitch.Datapath.Queues", "Softswitch.Datapath.Headers", "Softswitch.Ports.Linux",
    ];

    /// <summary>The running switch's side.</summary>
    /// <param name="devices">Types of the devices that it may give away.</param>
    public static void ForSource(IEnumerable<Type> devices) => Prepare(OfSource, devices);

    /// <summary>The new process's side, with all that forwards.</summary>
    /// <param name="devices">Types of the devices that it takes.</param>
    public static void ForTarget(IEnumerable<Type> devices) => Prepare(OfTarget, devices);

    private static void Prepare(string[] namespaces, IEnumerable<Type> devices)
    {
        HashSet<string?> wanted = [.. namespaces, .. devices.Select(device => device.Namespace)];
        Assembly[] assemblies = [typeof(DatapathControl).Assembly, typeof(PortFactory).Assembly, typeof(JitWarmUp).Assembly];
        foreach (Type type in assemblies.SelectMany(assembly => assembly.GetTypes()).Where(type => IsAmong(type, wanted)))
        {
            foreach (MethodBase method in type.GetMethods(Declared).Concat<MethodBase>(type.GetConstructors(Declared)))
            {
                if (!method.IsAbstract && !method.ContainsGenericParameters && (method.Attributes & MethodAttributes.PinvokeImpl) == 0)
                {
                    RuntimeHelpers.PrepareMethod(method.MethodHandle);
                }
            }
        }
    }

    private static bool IsAmong(Type type, HashSet<string?> namespaces) =>
        !type.ContainsGenericParameters && !type.IsSubclassOf(typeof(Delegate))
        && namespaces.Any(name => type.Namespace == name || type.Namespace?.StartsWith($"{name}.", StringComparison.Ordinal) == true);
}
