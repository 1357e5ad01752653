using System.Runtime.CompilerServices;

namespace Softswitch.EndToEnd.Tests.Harness;

/// <summary>The switches of this test run are found by each other, and by nobody else's tools.</summary>
internal static class ControlFolder
{
    [ModuleInitializer]
    internal static void Use()
    {
        string folder = Directory.CreateTempSubdirectory("softswitch-run-").FullName;
        Environment.SetEnvironmentVariable("SOFTSWITCH_RUNDIR", folder);
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
    }
}
